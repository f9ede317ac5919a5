//! A host made of actors, which talks to the cache by typed messages alone.
//!
//! Run: `cargo run --example typed_messages`
//! Look at: `Placement::Inline`, by which the cache lives in the host's own actix system; and the rename whose sender
//! gives up before the answer: it takes effect all the same, because `send` had accepted it.

use std::error::Error;

use actix::{Actor, Addr, Context, Handler, Message, ResponseFuture};
use apex_cache::message::{Get, GetOrLoad, Invalidate, Set, SetMany, Shutdown, Stats};
use apex_cache::{Cache, Key, Pattern, Placement, Source, SupervisorRef, Value};

/// An actor of the host. It holds a way to the supervisor, which stays good when the supervisor is started again.
struct Accounts {
    cache: SupervisorRef,
}

impl Actor for Accounts {
    type Context = Context<Self>;
}

/// Gives a user another name.
#[derive(Message)]
#[rtype(result = "apex_cache::Result<()>")]
struct Rename {
    user: u64,
    name: &'static str,
}

impl Handler<Rename> for Accounts {
    type Result = ResponseFuture<apex_cache::Result<()>>;

    fn handle(&mut self, Rename { user, name }: Rename, _: &mut Self::Context) -> Self::Result {
        // Sent within the handler, waited for outside of it: no actor ever stands still for another.
        let stored =
            Value::encode(name).and_then(|value| Ok(self.cache.send(Set::new(name_of(user)?, value))));
        Box::pin(async move { stored?.await.map(|_stored| ()) })
    }
}

#[actix::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // The handle is used for nothing else; what `supervisor` returns keeps the cache alive.
    let supervisor = Cache::builder().placement(Placement::Inline).start().await?.supervisor();
    let accounts = Accounts { cache: supervisor.clone() }.start();

    rename(&accounts, 1, "Ann").await?;
    println!("user 1 is called {}", read(&supervisor, 1).await?);
    check(read(&supervisor, 1).await? == "Ann", "an actor's message is in the cache once it is answered")?;

    // Values travel encoded, so one message can carry different types.
    let batch = vec![
        Set::new(name_of(2)?, Value::encode("Bob")?),
        Set::new(Key::of("user").part(2).part("wallet").finish()?, Value::encode(&1_250_u64)?),
    ];
    let stored = supervisor.send(SetMany::new(batch)).await?;
    check(stored.iter().all(Result::is_ok), "a batch has a result for each of its entries")?;

    // The sender's patience is over before it looks for the answer. The message was accepted before `send` returned, so it
    // counts; and messages keep their order, so a read that is sent later sees it.
    let change = supervisor.send(Set::new(name_of(1)?, Value::encode("Anna")?));
    let patience = std::future::ready(());
    let gave_up = tokio::select! { biased; () = patience => true, _ = change => false };
    println!("the sender gave up: {gave_up}; user 1 is called {}", read(&supervisor, 1).await?);
    check(gave_up && read(&supervisor, 1).await? == "Anna", "a change survives its caller's time-out")?;

    // A loader travels in a message too.
    let key = Key::of("user").part(3).part("name").finish()?;
    let load = || async { Ok::<_, std::io::Error>("Cleo".to_owned()) };
    let given = supervisor.send(GetOrLoad::new(key.clone(), load)).await?;
    let name: String = given.value.decode(key.as_str())?;
    check(given.source == Source::Loaded && name == "Cleo", "a loader travels in a message")?;

    let gone = supervisor.send(Invalidate::new(Pattern::of("user").part(2).rest()?)).await?;
    check(gone.matched == 2, "an invalidation counts what it took")?;
    check(supervisor.send(Get::new(name_of(2)?)).await?.is_none(), "and it is gone")?;

    let total = supervisor.send(Stats).await?.total();
    println!("{} entries, {} bytes, {} sets", total.entries, total.bytes, total.sets);
    supervisor.send(Shutdown).await?;
    Ok(())
}

fn name_of(user: u64) -> apex_cache::Result<Key> {
    Key::of("user").part(user).part("name").finish()
}

async fn rename(accounts: &Addr<Accounts>, user: u64, name: &'static str) -> Result<(), Box<dyn Error>> {
    accounts.send(Rename { user, name }).await??;
    Ok(())
}

/// The ordered way to read: it sees all that was sent before. `Cache::get` is the fast one.
async fn read(supervisor: &SupervisorRef, user: u64) -> Result<String, Box<dyn Error>> {
    let key = name_of(user)?;
    let given = supervisor.send(Get::new(key.clone())).await?.ok_or("the name is not cached")?;
    Ok(given.value.decode(key.as_str())?)
}

/// Prints what was proved, or ends the program with it.
fn check(holds: bool, what: &str) -> Result<(), String> {
    if holds {
        println!("proved: {what}");
        Ok(())
    } else {
        Err(format!("does not hold: {what}"))
    }
}
