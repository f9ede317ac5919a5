//! Loads of several keys: from the host's call to the tiers, and the way back. Their task is in `batch_run`.
//!
//! Owns: that each key of such a call has an answer in time, whatever becomes of the others. Never: decides whether a value
//! is stored.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::Instrument;

use super::call::{Asked, told};
use super::limit::Limit;
use super::load::Waiter;
use super::permit::Lane;
use super::reply::Reply;
use super::request::{Envelope, LoadManyRequest, LoadMember, TierRequest};
use super::tier_shared::TierShared;
use super::wiring::Wiring;
use crate::batch_loader::BatchLoader;
use crate::codec::value::Wanted;
use crate::deadline::Deadline;
use crate::engine::flight::Class;
use crate::engine::given::{Given, Source};
use crate::engine::key::Key;
use crate::engine::provenance::SaidBy;
use crate::engine::route::TierId;
use crate::engine::stamp::Stamp;
use crate::engine::terms::Terms;
use crate::engine::tier::{Member, Outcome};
use crate::env::{Spawner, Stopwatch};
use crate::error::{Error, Result, Shown};
use crate::load_policy::LoadPolicy;
use crate::loader::{LoadCell, wait_for};
use crate::telemetry::spans::{self, For};

/// Keys that one run of a loader brings at most.
const MEMBERS_MAX: usize = 500;
/// Share of the time to live by which a value may live shorter, where nothing else is said: what is loaded together would
/// else expire together.
const BATCH_JITTER: f64 = 0.1;

/// On what terms the values of a load of several keys are kept.
pub(crate) fn terms_of_batch(policy: &LoadPolicy, below: &Terms) -> Terms {
    let jitter = if below.jitter > 0.0 { below.jitter } else { BATCH_JITTER };
    policy.said_over(&Terms { jitter, ..*below }, SaidBy::Call)
}

/// What a call with a loader of several keys asks for.
pub(crate) struct LoadMany {
    /// What is older than the stamp beside a key counts as absent.
    pub(crate) keys: Vec<(Key, Option<Stamp>)>,
    pub(crate) loader: Arc<BatchLoader>,
    pub(crate) deadline: Option<Duration>,
    /// The deadline of the caller's task.
    pub(crate) task: Option<Deadline>,
    pub(crate) wanted: Wanted,
}

/// One key of a call while it waits.
struct Wait {
    /// Where its answer belongs.
    place: usize,
    asked: Asked,
    limit: Limit,
    /// `Err`: the tier was not asked.
    answer: Result<oneshot::Receiver<Result<Given>>>,
}

/// Keys of one tier that go to it in one message.
struct Chunk {
    tier: TierId,
    waits: Vec<Wait>,
}

impl Wiring {
    /// Carries out a call with a loader of several keys after the view had nothing for them. The requests are in the mailboxes
    /// when this returns. The answers are in the order of the keys.
    pub(crate) fn load_many(
        self: &Arc<Self>,
        call: LoadMany,
    ) -> impl Future<Output = Vec<Result<Given>>> + Send + use<> {
        let began = self.spawner.stopwatch();
        let LoadMany { keys, loader, deadline, task, wanted } = call;
        let mut answers: Vec<Option<Result<Given>>> = keys.iter().map(|_| None).collect();
        let mut chunks: Vec<Chunk> = Vec::new();
        for (place, (key, after)) in keys.into_iter().enumerate() {
            let (tier, asked) = match self.member(&key, &loader, wanted, after.as_ref()) {
                Ok(found) => found,
                Err(error) => {
                    answers[place] = Some(Err(error));
                    continue;
                }
            };
            let limit = Limit::of(deadline, task, asked.terms.timeout, &self.spawner);
            if limit.has_passed() {
                answers[place] = Some(Err(limit.over(&key)));
                continue;
            }
            let wait = Wait { place, asked, limit, answer: Err(Error::Closed) };
            match chunks.iter_mut().rev().find(|chunk| chunk.tier == tier) {
                Some(chunk) if chunk.waits.len() < MEMBERS_MAX => chunk.waits.push(wait),
                _ => chunks.push(Chunk { tier, waits: vec![wait] }),
            }
        }
        for chunk in &mut chunks {
            self.post_chunk(chunk, &loader, wanted);
        }
        let wiring = Arc::clone(self);
        async move {
            for Chunk { tier, waits } in chunks {
                wiring.answers(wiring.tier(tier), waits, &loader, began, &mut answers).await;
            }
            answers.into_iter().map(|answer| answer.unwrap_or(Err(Error::Closed))).collect()
        }
    }

    fn member(
        &self,
        key: &Key,
        loader: &Arc<BatchLoader>,
        wanted: Wanted,
        after: Option<&Stamp>,
    ) -> Result<(TierId, Asked)> {
        let waiting = wait_for(&(self.id, key.clone()))?.map(Arc::new);
        let (tier, terms) = self.route_told(key.as_str())?;
        let terms = terms_of_batch(&loader.policy, &terms.now());
        let cell = LoadCell::new(loader.alone(key).of_cache(self.id));
        let after = after.and_then(|stamp| stamp.of(tier.id));
        Ok((tier.id, Asked { key: key.clone(), cell, waiting, wanted, after, terms }))
    }

    /// Puts the request for a chunk into the mailbox of its tier.
    fn post_chunk(self: &Arc<Self>, chunk: &mut Chunk, loader: &Arc<BatchLoader>, wanted: Wanted) {
        let tier = self.tier(chunk.tier);
        let bytes = chunk.waits.iter().map(|wait| wait.asked.key.as_str().len() as u64).sum();
        let permit = match self.open().and_then(|()| self.permit(tier.id, Lane::Data, bytes)) {
            Ok(permit) => permit,
            Err(error) => {
                chunk.waits.iter_mut().for_each(|wait| wait.answer = Err(error.clone()));
                return;
            }
        };
        let nested = chunk.waits.iter().any(|wait| wait.asked.waiting.is_some());
        let member = |wait: &mut Wait| {
            let (mut reply, answer) = Reply::of(&tier.answerer);
            wait.answer = Ok(answer);
            let Asked { key, cell, terms, after, waiting, .. } = wait.asked.clone();
            reply.ends(waiting.as_deref());
            LoadMember { key, terms, after, cell, reply: Some(reply) }
        };
        let request = LoadManyRequest {
            members: chunk.waits.iter_mut().map(member).collect(),
            wanted,
            class: if nested { Class::Nested } else { Class::Caller },
            loader: Arc::clone(loader),
            spawner: self.spawner_here(),
        };
        let request = TierRequest::LoadMany(Box::new(request));
        self.deliver(tier.id, Envelope::new(request, permit));
    }

    fn spawner_here(&self) -> Spawner {
        Spawner::current().unwrap_or_else(|| self.spawner.clone())
    }

    /// Waits for the answers of a chunk. One after the other: a key that was answered while another was waited for is
    /// answered at once, and the limit of each counts from the beginning of the call.
    async fn answers(
        self: &Arc<Self>,
        tier: &TierShared,
        waits: Vec<Wait>,
        loader: &Arc<BatchLoader>,
        began: Stopwatch,
        answers: &mut [Option<Result<Given>>],
    ) {
        let mut left = Vec::new();
        for Wait { place, asked, limit, answer } in waits {
            let answered = self.answer_of(tier, &asked, answer);
            match self.within(tier, &asked, limit, began.elapsed(), answered).await {
                Ok(Some(given)) => answers[place] = Some(Ok(given)),
                Ok(None) => left.push((place, asked, limit)),
                Err(error) => answers[place] = Some(Err(error)),
            }
        }
        if left.is_empty() {
            return;
        }
        let results = self.run_left(tier, &left, loader, began).await;
        for ((place, asked, limit), result) in left.iter().zip(results) {
            // Of the limit nothing is left to wait for: it only looks for a stale value.
            let result = self.within(tier, asked, *limit, began.elapsed(), async { result }).await;
            answers[*place] = Some(result);
        }
    }

    /// The answer of the tier. `None`: it is of no use, and the loader can still be run here.
    async fn answer_of(
        self: &Arc<Self>,
        tier: &TierShared,
        asked: &Asked,
        answer: Result<oneshot::Receiver<Result<Given>>>,
    ) -> Result<Option<Given>> {
        let answer = match answer {
            Ok(answer) => told(answer).await,
            Err(error) => Err(error),
        };
        let mut answer = answer;
        match &mut answer {
            Err(trouble) if !trouble.is_cache_trouble() => return Err(trouble.clone()),
            Ok(given) => {
                let of = given.value.fingerprint();
                if !asked.wanted.takes(of) {
                    tier.note_wrong_type(of, asked.wanted.fingerprint()); // it joined the load of another type
                } else if let Err(error) = given.read(asked.wanted) {
                    tier.note_unreadable(of, &error);
                } else {
                    return answer.map(Some);
                }
            }
            Err(trouble) => {
                if let Some(stale) = self.stale(tier, asked) {
                    return Ok(Some(stale));
                }
                self.warn_of_bypass(tier, trouble);
            }
        }
        if asked.cell.is_loaded() {
            return Ok(None);
        }
        // It began before the tier broke: whoever runs it leaves the result in the cell.
        self.or_run_here(tier.id, asked, answer).await.map(Some)
    }

    /// The cache cannot serve these: one run of the loader in the caller's task brings them all. Nothing is stored.
    async fn run_left(
        self: &Arc<Self>,
        tier: &TierShared,
        left: &[(usize, Asked, Limit)],
        loader: &Arc<BatchLoader>,
        began: Stopwatch,
    ) -> Vec<Result<Given>> {
        tier.counters.bypassed.one();
        let keys: Vec<Key> = left.iter().map(|(_, asked, _)| asked.key.clone()).collect();
        let longest = left.iter().map(|(_, _, limit)| limit.span).max().unwrap_or_default();
        let timeout = left.iter().map(|(_, asked, _)| asked.terms.timeout).max().unwrap_or_default();
        let run = async {
            let nested = left.iter().any(|(_, asked, _)| asked.waiting.is_some());
            let _place = if nested { None } else { Some(self.load_place(tier.id).await) };
            for (_, asked, _) in left {
                asked.waiting.iter().for_each(|waiting| waiting.goes_on());
                drop(asked.cell.take()); // all are brought by the one run
                self.env.observe_load(&asked.key);
            }
            let span = spans::load(&tier.name, keys.len(), For::Bypass, loader.cause());
            let brought = loader.run(self.id, &keys, timeout, &self.spawner).instrument(span.clone()).await;
            spans::loaded(&span, brought.outcomes.iter().map(Outcome::failed));
            brought
        };
        let Some(brought) = self.spawner.within(longest.saturating_sub(began.elapsed()), run).await else {
            return left.iter().map(|(_, asked, limit)| Err(limit.over(&asked.key))).collect();
        };
        let wanted = left.first().map_or(Wanted::ANY, |(_, asked, _)| asked.wanted);
        let given = |(outcome, key): (Outcome, &Key)| {
            let lost = || Err(Error::LoadLost { key: Shown::new(key.as_str()) });
            let mut given = Given::loaded(outcome.into_result().unwrap_or_else(lost)?, Source::Bypass, false);
            given.read(wanted)?;
            Ok(given)
        };
        brought.outcomes.into_iter().zip(&keys).map(given).collect()
    }

    /// Has `keys` loaded anew while their values are served; nobody waits. Where there is no room it is left to later
    /// readers.
    pub(crate) fn refresh_many(self: &Arc<Self>, keys: Vec<Key>, loader: &Arc<BatchLoader>, wanted: Wanted) {
        let mut chunks: Vec<(TierId, Vec<LoadMember>)> = Vec::new();
        for key in keys {
            let Ok((tier, terms)) = self.route(key.as_str()) else { continue };
            let terms = terms_of_batch(&loader.policy, &terms.now());
            let cell = LoadCell::alone(loader.alone(&key).of_cache(self.id));
            let member = LoadMember { key, terms, after: None, cell, reply: None };
            match chunks.iter_mut().rev().find(|chunk| chunk.0 == tier.id) {
                Some((_, members)) if members.len() < MEMBERS_MAX => members.push(member),
                _ => chunks.push((tier.id, vec![member])),
            }
        }
        for (id, members) in chunks {
            let bytes = members.iter().map(|member| member.key.as_str().len() as u64).sum();
            let taken = self.open().and_then(|()| self.tier(id).permits.take(Lane::Data, bytes));
            let Ok(permit) = taken else { continue };
            let (loader, spawner) = (Arc::clone(loader), self.spawner_here());
            let request = LoadManyRequest { members, wanted, class: Class::Refresh, loader, spawner };
            let request = TierRequest::LoadMany(Box::new(request));
            self.deliver(id, Envelope::new(request, permit));
        }
    }
}

/// What a request asks of the tier, for each key.
pub(super) fn members(request: LoadManyRequest) -> (Vec<Member<Waiter>>, Class) {
    let LoadManyRequest { members, wanted, class, loader, spawner } = request;
    let member = |LoadMember { key, terms, after, cell, reply }| {
        let waiter = Waiter::new(cell, spawner.clone(), reply, wanted, after).of_batch(Arc::clone(&loader));
        Member { key, terms, waiter }
    };
    (members.into_iter().map(member).collect(), class)
}
