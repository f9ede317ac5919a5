//! Many callers of one key at once, on several threads: one load, whatever their number.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use apex_cache::{Cache, Settings};

use crate::source::{go, threads};

#[test]
fn fifty_thousand_callers_of_one_cold_key_cost_one_load() {
    threads(async || {
        for round in 0..3 {
            let settings = Settings::default().queue_messages(if round == 2 { 128 } else { 4_096 });
            let cache = Cache::builder().settings(settings).start().await.unwrap();
            let loads = Arc::new(AtomicU64::new(0));
            let calls: Vec<_> = (0..50_000)
                .map(|_| {
                    let (cache, loads) = (cache.clone(), Arc::clone(&loads));
                    go(async move {
                        let load = || async move {
                            loads.fetch_add(1, SeqCst);
                            tokio::task::yield_now().await;
                            Ok::<_, std::io::Error>(7_u64)
                        };
                        *cache.get_or_load("user::1", load).await.unwrap()
                    })
                })
                .collect();
            for call in calls {
                assert_eq!(call.await.unwrap(), 7);
            }
            assert_eq!(loads.load(SeqCst), 1, "round {round}");
        }
    });
}
