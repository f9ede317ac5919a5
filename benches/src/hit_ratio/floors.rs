//! What our hit ratio must not fall below, for traces that are known.
//!
//! Owns: the floors. Never: replays anything.
//!
//! Each is half a point below what a model of the policy reached, so that another hash or a smaller table may cost a little, and
//! a rule that was broken shows.

/// Trace, capacity in entries or bytes, and hits in percent.
const FLOORS: [(&str, u64, f64); 12] = [
    ("orm-busy", 763, 76.0),
    ("orm-busy", 3_817, 85.1),
    ("orm-busy", 15_269, 92.7),
    ("web12", 137, 42.7),
    ("web12", 687, 65.0),
    ("OLTP", 1_868, 46.5),
    ("OLTP", 9_344, 62.8),
    ("scarab-recs", 12_918, 55.2),
    ("orm-busy-sized", 1_133_923, 79.2),
    ("orm-busy-sized", 5_669_616, 88.4),
    ("web12-sized", 247_934, 53.2),
    ("web12-sized", 1_239_672, 71.2),
];
/// A trace in which every capacity has the same floor.
const EVERYWHERE: (&str, f64) = ("corda", 33.2);

/// The floor of `trace` at this capacity, if there is one.
#[must_use]
pub fn of(trace: &str, capacity: u64) -> Option<f64> {
    let known = FLOORS.iter().find(|(name, of, _)| *name == trace && *of == capacity);
    known.map(|&(_, _, floor)| floor).or_else(|| (trace == EVERYWHERE.0).then_some(EVERYWHERE.1))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{CAPACITIES, Trace, run};

    #[test]
    fn the_smaller_trace_that_is_shipped_is_above_its_floors() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("traces/web12.u32d.zst");
        let trace = Trace::read(&path).expect("the trace is shipped");
        let mut judged = 0;
        let ours = |policy: &str, capacity| policy == "apex-cache" && super::of("web12", capacity).is_some();
        run(&trace, &CAPACITIES, ours, |found| {
            let floor = super::of(found.trace(), found.capacity()).expect("only those were wanted");
            assert!(found.hit_percent() >= floor, "{found:?} is below {floor}");
            judged += 1;
        })
        .expect("it has keys enough");
        assert_eq!(judged, 2);
    }
}
