//! Compression in the settings: for the cache, for a tier, and from which size on.

use apex_cache::settings::{Compression, Settings};

use crate::read;

/// How the tier compresses, and above how many bytes.
fn of(settings: &Settings, tier: usize) -> (Compression, u64) {
    let plan = settings.check().expect("a plan");
    (plan.tiers[tier].compression, plan.tiers[tier].compression_threshold)
}

#[test]
fn values_above_four_kib_go_through_lz4_unless_something_else_is_said() {
    assert_eq!(of(&Settings::default(), 2), (Compression::Lz4, 4 << 10));
    let zstd = Settings::default().compression(Compression::Zstd);
    assert_eq!(of(&zstd, 2), (Compression::Zstd, 512));
}

#[test]
fn a_tier_goes_its_own_way_in_every_form() {
    let code = Settings::default()
        .compression(Compression::Off)
        .compression_threshold(1 << 10)
        .tier("user", |tier| tier.compression(Compression::Zstd));
    assert_eq!((of(&code, 2), of(&code, 3)), ((Compression::Zstd, 1 << 10), (Compression::Off, 1 << 10)));
    for (extension, content) in [
        (
            "toml",
            "compression = \"off\"\ncompression_threshold = \"1KB\"\n[tiers.user]\ncompression = \"zstd\"",
        ),
        ("yaml", "compression: off\ncompression_threshold: 1KB\ntiers:\n  user:\n    compression: zstd\n"),
        (
            "env",
            "APEX_CACHE__COMPRESSION=off\nAPEX_CACHE__COMPRESSION_THRESHOLD=1KB\n\
             APEX_CACHE__TIERS__USER__COMPRESSION=zstd",
        ),
    ] {
        assert_eq!(read(extension, content).expect(extension), code, "{extension}");
    }
}
