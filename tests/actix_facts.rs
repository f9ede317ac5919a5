//! What the design takes for granted about actix, each as a small test, so that an update that changes it is noticed.
//!
//! Owns: the behaviour of actix itself, and of tokio's paused clock below it. Never: uses the cache.

mod common;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use actix::{
    Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler, MailboxError, Message, ResponseActFuture,
    ResponseFuture, Supervised, Supervisor, WrapFuture,
};

use common::{paused, settle};

const HOUR: Duration = Duration::from_secs(3_600);

/// Counts what happens to it, where the test can see it.
#[derive(Clone, Default)]
struct Life {
    handled: Rc<Cell<u64>>,
    ticks: Rc<Cell<u64>>,
    restarts: Rc<Cell<u64>>,
    dropped: Rc<Cell<bool>>,
}

fn more(cell: &Cell<u64>) {
    cell.set(cell.get() + 1);
}

/// Its drop is that of the actor.
struct Guard(Rc<Cell<bool>>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.set(true);
    }
}

struct Subject {
    life: Life,
    ticks_every: Option<Duration>,
    _guard: Guard,
}

impl Subject {
    fn new(life: &Life) -> Self {
        Self { life: life.clone(), ticks_every: None, _guard: Guard(Rc::clone(&life.dropped)) }
    }

    fn ticking(life: &Life, every: Duration) -> Self {
        Self { ticks_every: Some(every), ..Self::new(life) }
    }
}

impl Actor for Subject {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if let Some(every) = self.ticks_every {
            ctx.run_interval(every, |this, _| more(&this.life.ticks));
        }
    }
}

impl Supervised for Subject {
    fn restarting(&mut self, _: &mut Self::Context) {
        more(&self.life.restarts);
    }
}

#[derive(Message)]
#[rtype(result = "u64")]
enum Ask {
    Count,
    Panic,
    Stop,
}

impl Handler<Ask> for Subject {
    type Result = u64;

    fn handle(&mut self, ask: Ask, ctx: &mut Self::Context) -> u64 {
        use actix::ActorContext;
        match ask {
            Ask::Count => more(&self.life.handled),
            Ask::Panic => panic!("asked to panic"),
            Ask::Stop => ctx.stop(),
        }
        self.life.handled.get()
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct PanicInFuture;

impl Handler<PanicInFuture> for Subject {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: PanicInFuture, _: &mut Self::Context) -> Self::Result {
        Box::pin(async { panic!("asked to panic") })
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct PanicInActorFuture;

impl Handler<PanicInActorFuture> for Subject {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, _: PanicInActorFuture, _: &mut Self::Context) -> Self::Result {
        Box::pin(async {}.into_actor(self).map(|(), _, _| panic!("asked to panic")))
    }
}

#[test]
fn a_panic_in_a_handler_ends_the_actor_for_good() {
    paused(|| async {
        let life = Life::default();
        let addr = Subject::new(&life).start();
        assert!(addr.send(Ask::Panic).await.is_err());
        assert_eq!(addr.send(Ask::Count).await, Err(MailboxError::Closed));
        assert!(!addr.connected());
    });
}

#[test]
fn what_is_queued_behind_a_panic_is_answered_at_once() {
    paused(|| async {
        let addr = Subject::new(&Life::default()).start();
        addr.do_send(Ask::Panic);
        let waits: Vec<_> = (0..100).map(|_| addr.send(Ask::Count)).collect();
        for answer in waits {
            assert_eq!(answer.await, Err(MailboxError::Closed));
        }
    });
}

#[test]
fn a_supervisor_of_actix_restarts_nothing_that_panicked() {
    paused(|| async {
        let life = Life::default();
        let inside = life.clone();
        let addr: Addr<Subject> = Supervisor::start(move |_| Subject::new(&inside));
        assert!(addr.send(Ask::Panic).await.is_err());
        settle().await;
        assert_eq!((addr.connected(), life.restarts.get()), (false, 0));
    });
}

#[test]
fn other_actors_of_the_thread_live_on_beside_a_panic_and_new_ones_can_be_started() {
    paused(|| async {
        let (broken, other) =
            (Subject::new(&Life::default()).start(), Subject::new(&Life::default()).start());
        assert!(broken.send(Ask::Panic).await.is_err());
        assert_eq!(other.send(Ask::Count).await, Ok(1));
        assert_eq!(Subject::new(&Life::default()).start().send(Ask::Count).await, Ok(1));
    });
}

#[test]
fn the_actor_is_dropped_by_its_panic_so_a_guard_field_tells_of_its_death() {
    paused(|| async {
        let life = Life::default();
        let addr = Subject::new(&life).start();
        addr.do_send(Ask::Panic);
        assert!(!life.dropped.get());
        settle().await;
        assert!(life.dropped.get(), "though its address is still held");
        drop(addr);
    });
}

#[test]
fn a_panic_in_a_plain_future_ends_that_request_alone_and_one_in_an_actor_future_the_actor() {
    paused(|| async {
        let addr = Subject::new(&Life::default()).start();
        assert!(addr.send(PanicInFuture).await.is_err());
        assert_eq!(addr.send(Ask::Count).await, Ok(1), "it lives on");
        assert!(addr.send(PanicInActorFuture).await.is_err());
        assert_eq!(addr.send(Ask::Count).await, Err(MailboxError::Closed));
    });
}

#[test]
fn a_mailbox_refuses_on_one_address_and_takes_everything_on_fresh_clones() {
    paused(|| async {
        let addr = Subject::new(&Life::default()).start();
        let on_one = (0..10_000).filter(|_| addr.try_send(Ask::Count).is_ok()).count();
        assert!(on_one < 100, "{on_one} were accepted on one address");
        let on_clones = (0..10_000).filter(|_| addr.clone().try_send(Ask::Count).is_ok()).count();
        assert_eq!(on_clones, 10_000, "a clone has a place of its own: the bound is none");
    });
}

#[test]
fn do_send_never_refuses() {
    paused(|| async {
        let life = Life::default();
        let addr = Subject::new(&life).start();
        (0..10_000).for_each(|_| addr.do_send(Ask::Count));
        settle().await;
        assert_eq!(addr.send(Ask::Count).await, Ok(10_001));
    });
}

#[test]
fn a_message_whose_sender_has_left_is_skipped_and_one_that_was_told_is_not() {
    paused(|| async {
        let life = Life::default();
        let addr = Subject::new(&life).start();
        for _ in 0..100 {
            drop(addr.send(Ask::Count));
        }
        settle().await;
        assert_eq!(life.handled.get(), 0, "none of them ran");
        addr.do_send(Ask::Count);
        settle().await;
        assert_eq!(life.handled.get(), 1);
    });
}

#[test]
fn after_a_stop_under_a_supervisor_state_queue_and_one_timer_go_on() {
    paused(|| async {
        let life = Life::default();
        let inside = life.clone();
        let addr: Addr<Subject> = Supervisor::start(move |_| Subject::ticking(&inside, HOUR));
        assert_eq!(addr.send(Ask::Count).await, Ok(1));
        addr.do_send(Ask::Stop);
        let queued = addr.send(Ask::Count);
        assert_eq!(queued.await, Ok(2), "what was queued is handled, and the state is kept");
        assert_eq!(life.restarts.get(), 1);
        common::advance(10 * HOUR + HOUR / 2).await;
        assert_eq!(life.ticks.get(), 10, "one timer, not two");
    });
}

#[test]
fn intervals_run_in_virtual_time() {
    paused(|| async {
        let life = Life::default();
        let addr = Subject::ticking(&life, HOUR).start();
        common::advance(48 * HOUR + HOUR / 2).await;
        assert_eq!(life.ticks.get(), 48);
        drop(addr);
    });
}

#[test]
fn an_interval_makes_up_for_every_tick_that_a_stall_made_it_miss() {
    paused(|| async {
        let life = Life::default();
        let addr = Subject::ticking(&life, HOUR).start();
        settle().await;
        tokio::time::advance(10 * HOUR).await;
        settle().await;
        assert_eq!(life.ticks.get(), 10, "a burst: timers of the cache are armed anew instead");
        drop(addr);
    });
}

#[test]
fn an_actor_with_a_timer_outlives_its_last_address() {
    paused(|| async {
        let (idle, busy) = (Life::default(), Life::default());
        drop((Subject::new(&idle).start(), Subject::ticking(&busy, HOUR).start()));
        common::advance(2 * HOUR + HOUR / 2).await;
        assert!(idle.dropped.get());
        assert_eq!((busy.dropped.get(), busy.ticks.get()), (false, 2), "letting go of it does not end it");
    });
}
