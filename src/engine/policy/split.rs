//! Tables that grow by one place at a time, so that no addition pays for a table of twice the size.
//!
//! Owns: which place a hash has, and whose content a new place takes over. Never: holds a table.
//!
//! Linear hashing (Litwin, 1980): of the places that a hash would have in the next power of two, those that there are not yet
//! are in their lower half's.

/// The place of `hash` among `places`, which is not 0. Adding a place moves hashes of [`parent`] only, and only there.
pub(super) fn place(hash: u64, places: usize) -> u32 {
    let mask = places.next_power_of_two() as u64 - 1;
    let place = hash & mask;
    if place < places as u64 { place as u32 } else { (place & (mask >> 1)) as u32 }
}

/// The place from which the next one, behind the last of `places`, takes over what is its own.
pub(super) fn parent(places: usize) -> u32 {
    (places - (1 << places.ilog2())) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_more_moves_hashes_of_its_parent_and_no_others() {
        for places in 1..70 {
            let mut moved = 0;
            for hash in 0..1_024 {
                let (before, after) = (place(hash, places), place(hash, places + 1));
                assert!((before as usize) < places);
                if before != after {
                    assert_eq!((before, after as usize), (parent(places), places), "of {places}");
                    moved += 1;
                }
            }
            assert!(moved > 0, "place {places} is nobody's");
        }
    }
}
