//! Public JSON ⇄ fewer bytes: LZ4 blocks (`lz4_Block_format.md` of its project) with a dictionary of what users'
//! documents are made of. A usual one takes half its room, so that twice as many users fit into the same memory of
//! the engine, file and disk; taking it apart costs about a microsecond.

use lz4_flex::block::{compress_with_dict, decompress_with_dict};

/// What documents have in common. It is a part of the format: what was written with it needs it to the byte.
const DICTIONARY: &[u8] = concat!(
    r#"ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABB","#,
    r#""ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC","access_secret":{"status":"AES-256-GCM","payload":"","#,
    r#""key_prefix":"","endpoint":"https://","region":"eu-central-1","bucket":"","access_key":"","#,
    r#""upload_part_size":5,"prefix":"","virtual_folders":[{"id":1,"name":"","mapped_path":"/srv/","#,
    r#""used_quota_size":0,"used_quota_files":0,"last_quota_update":0,"virtual_path":"/","quota_size":-1,"#,
    r#""quota_files":-1}],"groups":[{"name":"","type":1}],"role":"","oidc_custom_fields":,"#,
    r#""bandwidth_limits":[{"sources":["192.168.0.0/16"],"upload_bandwidth":0,"download_bandwidth":0}],"#,
    r#""start_directory":"/","two_factor_protocols":["HTTP","SSH","FTP"],"ftp_security":1,"#,
    r#""default_shares_expiration":7,"max_shares_expiration":30,"password_expiration":90,"#,
    r#""password_strength":50,"access_time":[{"day_of_week":1,"from":"08:00","to":"18:00"}],"#,
    r#""web_client":["write-disabled","shares-disabled","mfa-disabled","password-change-disabled","#,
    r#""api-key-auth-change-disabled","info-change-disabled","password-reset-disabled"],"#,
    r#""allow_api_key_auth":true,"user_type":"LDAPUser","denied_login_methods":["publickey","password","#,
    r#""keyboard-interactive"],"max_upload_file_size":0,"tls_username":"CommonName","#,
    r#""disable_fs_checks":true,"require_password_change":true,"#,
    r#""recovery_codes":[{"secret":{"status":"Secretbox","payload":"","used":true},"config_name":"Default","#,
    r#""protocols":["SSH"],"enabled":true,{"id":1,"status":1,"username":"","email":"@example.com","#,
    r#""expiration_date":0,"has_password":true,"public_keys":["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI"],"#,
    r#""home_dir":"/srv/sftp/","uid":1000,"gid":1000,"max_sessions":0,"quota_size":10737418240,"#,
    r#""quota_files":0,"permissions":{"/":["list","download","upload","overwrite","delete","delete_files","#,
    r#""delete_dirs","rename","rename_files","rename_dirs","create_dirs","create_symlinks","chmod","chown","#,
    r#""chtimes","copy"],"/in":["list","download","upload"],"/out":["*"]},"used_quota_size":0,"#,
    r#""used_quota_files":0,"last_quota_update":0,"upload_bandwidth":0,"download_bandwidth":0,"#,
    r#""upload_data_transfer":0,"download_data_transfer":0,"total_data_transfer":0,"#,
    r#""used_upload_data_transfer":0,"used_download_data_transfer":0,"created_at":179,"updated_at":179,"#,
    r#""last_login":179,"first_download":179,"first_upload":179,"last_password_change":179,"#,
    r#""description":"","additional_info":"","filters":{"allowed_ip":["10.0.0.0/8"],"#,
    r#""denied_ip":["192.0.2.0/24"],"denied_protocols":["SSH","FTP","DAV","HTTP"],"#,
    r#""file_patterns":[{"path":"/","allowed_patterns":["*.pdf"],"denied_patterns":["*.exe"],"#,
    r#""deny_policy":1}],"hooks":{"external_auth_disabled":false,"pre_login_disabled":false,"#,
    r#""check_password_disabled":false},"totp_config":{"secret":{}}},"filesystem":{"provider":0,"#,
    r#""osconfig":{},"s3config":{},"gcsconfig":{},"azblobconfig":{},"cryptconfig":{},"sftpconfig":{},"#,
    r#""httpconfig":{}}}"#,
)
.as_bytes();
/// Shorter ones gain nothing.
const SHORTEST: usize = 64;
/// The longest document that is taken apart; a damaged length must not ask for gigabytes.
const LONGEST: usize = 64 << 20;
/// The length of the document, in front of the block.
const LENGTH: usize = 4;

/// A document in fewer bytes, if it can be had in fewer.
pub(super) fn compressed(document: &[u8]) -> Option<Vec<u8>> {
    if !(SHORTEST..=LONGEST).contains(&document.len()) {
        return None;
    }
    let length = u32::try_from(document.len()).ok()?;
    let block = compress_with_dict(document, DICTIONARY);
    (LENGTH + block.len() < document.len()).then(|| [&length.to_le_bytes()[..], &block].concat())
}

/// The document again; nothing when the bytes are not what [`compressed`] gave.
pub(super) fn decompressed(bytes: &[u8]) -> Option<Vec<u8>> {
    let (length, block) = bytes.split_first_chunk::<LENGTH>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok().filter(|length| *length <= LONGEST)?;
    decompress_with_dict(block, length, DICTIONARY).ok().filter(|document| document.len() == length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLAIN: &str = r#"{"id":501,"status":1,"username":"plain","has_password":true,"home_dir":"/srv/plain","uid":0,"gid":0,"max_sessions":0,"quota_size":0,"quota_files":0,"permissions":{"/":["*"]},"upload_data_transfer":0,"download_data_transfer":0,"total_data_transfer":0,"created_at":1795653509145,"updated_at":1795653509145,"last_password_change":1795653509145,"filters":{"hooks":{"external_auth_disabled":false,"pre_login_disabled":false,"check_password_disabled":false},"totp_config":{"secret":{}}},"filesystem":{"provider":0,"osconfig":{},"s3config":{},"gcsconfig":{},"azblobconfig":{},"cryptconfig":{},"sftpconfig":{},"httpconfig":{}}}"#;

    #[test]
    fn a_usual_document_takes_less_than_half_and_comes_back() {
        let less = compressed(PLAIN.as_bytes()).unwrap();
        assert!(less.len() * 2 < PLAIN.len(), "{} of {}", less.len(), PLAIN.len());
        assert_eq!(decompressed(&less).unwrap(), PLAIN.as_bytes());
    }

    #[test]
    fn what_was_written_once_can_be_read_for_ever() {
        assert_eq!(decompressed(&hex::decode(WRITTEN).unwrap()).unwrap(), PLAIN.as_bytes());
    }

    const WRITTEN: &str = concat!(
        "6b02000002bf09313530318c08017b0a0a72056f706c61696e224c050322686f3104041405042c001075c40543302c226708",
        "000f0e050a051d0500fd0102e1030f04050103240402e5030e4803040f030f8303005f746f74616c1800000b7b03ad353635",
        "333530393134358503081b00017d0405f701075603082500073a030f6b02f160223a7b7d7d7d",
    );

    /// Another dictionary would give other documents, and no checksum would tell.
    #[test]
    fn the_dictionary_never_changes() {
        use sha2::Digest as _;
        let sha256 = hex::encode(sha2::Sha256::digest(DICTIONARY));
        assert_eq!(
            (DICTIONARY.len(), sha256.as_str()),
            (2_806, "39158471ed4afc1b44c0187167b7ca6cda4fbbe59bea737ed9bc9502f601f2b6")
        );
    }

    #[test]
    fn what_gains_nothing_stays_as_it_is() {
        assert_eq!(compressed(b""), None);
        assert_eq!(compressed(&PLAIN.as_bytes()[..SHORTEST - 1]), None);
        let noise: Vec<u8> = (0..4_u32).flat_map(sha).collect();
        assert_eq!(compressed(&noise), None);
    }

    fn sha(number: u32) -> [u8; 32] {
        use sha2::Digest as _;
        sha2::Sha256::digest(number.to_le_bytes()).into()
    }

    #[test]
    fn a_length_that_does_not_fit_is_refused() {
        let mut less = compressed(PLAIN.as_bytes()).unwrap();
        for length in [0, 1, 641, 643, u32::MAX] {
            less[..LENGTH].copy_from_slice(&length.to_le_bytes());
            assert_eq!(decompressed(&less), None, "{length}");
        }
        assert_eq!(decompressed(&less[..3]), None);
    }

    proptest! {
        #[test]
        fn what_is_compressed_comes_back(
            pieces in prop::collection::vec((0..DICTIONARY.len(), 0..300_usize, "[ -~]{0,20}"), 0..20),
        ) {
            let document: Vec<u8> = pieces.iter().flat_map(|(from, length, text)| {
                let end = (from + length).min(DICTIONARY.len());
                [&DICTIONARY[*from..end], text.as_bytes()].concat()
            }).collect();
            if let Some(less) = compressed(&document) {
                prop_assert!(less.len() < document.len());
                prop_assert_eq!(decompressed(&less).unwrap(), document);
            }
        }

        #[test]
        fn no_bytes_make_it_panic_or_ask_for_much(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            drop(decompressed(&bytes));
        }
    }
}
