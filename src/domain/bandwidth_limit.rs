//! A limit of bandwidth for peers of certain networks (`contract/validation.md` §8, rule 2).

use serde::{Deserialize, Serialize};

use super::network::IpNetwork;
use super::omit::is_zero;
use crate::error::Invalid;

const SOURCES: &str = "filters.bandwidth_limits.sources";

/// How fast peers of some networks may be, in KB/s; 0 is no limit, and the user's own counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BandwidthLimitDraft")]
pub struct BandwidthLimit {
    sources: Vec<IpNetwork>,
    #[serde(skip_serializing_if = "is_zero")]
    upload_bandwidth: i64,
    #[serde(skip_serializing_if = "is_zero")]
    download_bandwidth: i64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct BandwidthLimitDraft {
    sources: Vec<String>,
    upload_bandwidth: i64,
    download_bandwidth: i64,
}

impl TryFrom<BandwidthLimitDraft> for BandwidthLimit {
    type Error = Invalid;

    fn try_from(draft: BandwidthLimitDraft) -> Result<Self, Invalid> {
        if draft.sources.is_empty() {
            return Err(Invalid::new(format!("{SOURCES}: name at least one network")));
        }
        let sources =
            draft.sources.iter().map(|text| IpNetwork::parse(SOURCES, text)).collect::<Result<_, _>>()?;
        Ok(Self {
            sources,
            upload_bandwidth: draft.upload_bandwidth.max(0),
            download_bandwidth: draft.download_bandwidth.max(0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_kept_but_negative_ones() {
        for (sent, kept) in [
            (
                r#"{"sources":["10.0.0.0/8","::1/128"],"upload_bandwidth":5,"download_bandwidth":6}"#,
                r#"{"sources":["10.0.0.0/8","::1/128"],"upload_bandwidth":5,"download_bandwidth":6}"#,
            ),
            (
                r#"{"sources":["10.0.0.0/8"],"upload_bandwidth":-5,"download_bandwidth":-6}"#,
                r#"{"sources":["10.0.0.0/8"]}"#,
            ),
        ] {
            let limit: BandwidthLimit = serde_json::from_str(sent).unwrap();
            assert_eq!(serde_json::to_string(&limit).unwrap(), kept);
        }
    }

    #[test]
    fn a_limit_needs_networks() {
        for sent in ["{}", r#"{"sources":[]}"#, r#"{"sources":[""]}"#, r#"{"sources":["10.0.0.1"]}"#] {
            let refused = serde_json::from_str::<BandwidthLimit>(sent).unwrap_err().to_string();
            assert!(refused.starts_with(SOURCES), "{refused}");
        }
    }
}
