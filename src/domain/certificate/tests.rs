//! Certificates made with OpenSSL's `openssl req -x509`.

use super::*;

const RSA_2048: &str = "\
-----BEGIN CERTIFICATE-----
MIIDATCCAemgAwIBAgIUY1NW1t/y/7ovB0TEpsp/bbsYweIwDQYJKoZIhvcNAQEL
BQAwEDEOMAwGA1UEAwwFYWxpY2UwHhcNMjYxMTI0MDczMzExWhcNMzYxMTIxMDcz
MzExWjAQMQ4wDAYDVQQDDAVhbGljZTCCASIwDQYJKoZIhvcNAQEBBQADggEPADCC
AQoCggEBAKRlvDUV0yNTF66R/MWn3pbzPjm4wH0IptATdJ1DjXViU49lU2FOliBi
Iv6sKsF3FqB4ZXcr+8ueSXludHOe1nJ7+2knxn0gi2pfXNp55kWqaAF8ZcoPVsxc
oPPb7QkV32iD7TE5yAb7Awpz9R3UjXKLH2aCxaL/FJAbO4ipPyZY8KY5cM+n15pK
4u8MDjv6notLKq0m+nwFbJ6wm21KBuBPV8D6/AW9VIZS85nlvS6EjhUGQbajsg+d
ujvgBT1lHkxfGsUzg8zMJC+hgGdINIZlGrfDnjhlRzVIBefENTAauoYMDgAjYWH8
v/LzHtMxrgUa9uvCxjCcex0cWjBxtBECAwEAAaNTMFEwHQYDVR0OBBYEFHcizR/e
23/Ao6TNPiqzeFowjHAHMB8GA1UdIwQYMBaAFHcizR/e23/Ao6TNPiqzeFowjHAH
MA8GA1UdEwEB/wQFMAMBAf8wDQYJKoZIhvcNAQELBQADggEBAAlRx9e37XlUuHOP
mSZPwRRR+79wcR0Lo767CfAAk+uOLyEovbtTtDJaGnKLzdo57vyEIvmt+qqfQsfy
v2QS6/KOJ+cHJrL3JionCfePEVLiHMqie7LCw4HpIbzMSQxM3O0uPyhWh7q2Y6we
mS+Fi7y1PmHLr+lBSdG1QZQfwYZlniQGTsBCYixU8DHRf7ThSbuugYYsC7j7noGZ
ODXlQOYsPW6PJQ5jYL2/GkuQV/gxhzyKpG2I5TGwFATWfqePGnO6Eo80Vnarc66V
5wjOJjiWJX4rXAKACT9OefTWD6k+vulTQIC6yljZDhqgTVnqvTt/+JLT2FGsFPDD
0veUUNQ=
-----END CERTIFICATE-----
";

const RSA_1024: &str = "\
-----BEGIN CERTIFICATE-----
MIIB/DCCAWWgAwIBAgIUV/M+aK31mq2FkDKGj+WMhQ+DmZEwDQYJKoZIhvcNAQEL
BQAwEDEOMAwGA1UEAwwFc2hvcnQwHhcNMjYxMTI0MDczMzExWhcNMzYxMTIxMDcz
MzExWjAQMQ4wDAYDVQQDDAVzaG9ydDCBnzANBgkqhkiG9w0BAQEFAAOBjQAwgYkC
gYEA1fwOkCG1ppc2GJOBS6qxVdAUxkfM19SsBv8Z97gOrVu8Kzg/PlQOxQYfPVVF
tp7fUrBAbRNAFRuvlgtyAH7jwg0TjCVwW5dlbK5Z4QCCMGvfT0wJU4sN4w8cvhLZ
0dFKYCojmrH68caxELN/jDcf63sQ2q40oi50+skTMitJomkCAwEAAaNTMFEwHQYD
VR0OBBYEFC3nApOaxXweRtPl0tIf4fB9wpneMB8GA1UdIwQYMBaAFC3nApOaxXwe
RtPl0tIf4fB9wpneMA8GA1UdEwEB/wQFMAMBAf8wDQYJKoZIhvcNAQELBQADgYEA
UhAxv1NZiZ2ngOpkRJJ9bpjnAuauMW/1dx0fLUViHAqaltEXj2fvCHnMA3k8WMne
T6ejIVQk3xvqc5ZF/+l5CZCzHb4RQCKGcHoBtLHSck0lL2PZsUNh5XPaVzAfCNFU
Hk4FAoxR0Wbo59mm08+OleCtnNdKOcv/5E/hSyvU06k=
-----END CERTIFICATE-----
";

const ECDSA: &str = "\
-----BEGIN CERTIFICATE-----
MIIBdTCCARugAwIBAgIUa66Or3kkrhD/CYuVE5TVcuLCPTEwCgYIKoZIzj0EAwIw
EDEOMAwGA1UEAwwFYWxpY2UwHhcNMjYxMTI0MDczMzExWhcNMzYxMTIxMDczMzEx
WjAQMQ4wDAYDVQQDDAVhbGljZTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABIKZ
2CVJ3pec669anP2dk/NKOaDANq2Hn6GaAzbLx2gDOFstjx+yD1/fgmDfS2+YZjAG
C9yBIe8fipeDs9oY04GjUzBRMB0GA1UdDgQWBBS9vtiUZFQ2TjLJFzSit009P0pc
ljAfBgNVHSMEGDAWgBS9vtiUZFQ2TjLJFzSit009P0pcljAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0gAMEUCIAU35nbiSV1HXLqbMrhXM3zk/NDSOVjkKtGD
x3EIaE01AiEApSzJ6mXP4TDRjCLe2Rpu/8m6/oWtrwpB8syeAuMB6pA=
-----END CERTIFICATE-----
";

const ED25519: &str = "\
-----BEGIN CERTIFICATE-----
MIIBNDCB56ADAgECAhRdYNWiGKrsxA2kYfOkNBZc9NnRJTAFBgMrZXAwEDEOMAwG
A1UEAwwFYWxpY2UwHhcNMjYxMTI0MDczMzExWhcNMzYxMTIxMDczMzExWjAQMQ4w
DAYDVQQDDAVhbGljZTAqMAUGAytlcAMhAJTjlntRZIPowpUeSbb08Mbo+/BpOZP+
BuuMlou8EYdeo1MwUTAdBgNVHQ4EFgQUS/d2z/upJVkn//r4DYuXUoCLgZUwHwYD
VR0jBBgwFoAUS/d2z/upJVkn//r4DYuXUoCLgZUwDwYDVR0TAQH/BAUwAwEB/zAF
BgMrZXADQQD7IZtcDrL5iXFWJQ6p8EJYqIAdgKi5Uy7uq/2F7E4KdGuLG+b0IEme
W38+3OcBVYs/9AYTT1PiQoFV7EgQMYcO
-----END CERTIFICATE-----
";

fn parse(texts: &[&str]) -> Result<Vec<String>, String> {
    let texts = texts.iter().map(|text| (*text).to_owned()).collect();
    TlsCertificates::parse("filters.tls_certs", texts).map(|list| list.0).map_err(|error| error.to_string())
}

/// The certificate with another word after `BEGIN` and `END`.
fn labelled(pem: &str, label: &str) -> String {
    pem.replace("CERTIFICATE", label)
}

#[test]
fn certificates_are_kept_as_sent_and_copies_too() {
    assert_eq!(parse(&["", RSA_2048, ECDSA, "", ED25519, ECDSA]).unwrap(), [RSA_2048, ECDSA, ED25519, ECDSA]);
    assert_eq!(parse(&[]), Ok(vec![]));
    assert_eq!(parse(&["", ""]), Ok(vec![]));
}

#[test]
fn the_first_block_counts_whatever_surrounds_it() {
    let chain = format!("{ECDSA}{RSA_1024}");
    let surrounded = format!("subject=CN = alice\r\n{}\nend\n", ECDSA.replace('\n', "\r\n"));
    let other_label = labelled(ECDSA, "SOMETHING ELSE");
    let behind_broken =
        format!("-----BEGIN X-----\n!\n-----END X-----\n-----BEGIN CERTIFICATE-----\nAA\n{ECDSA}");
    for text in [&chain, &surrounded, &other_label, &behind_broken] {
        assert_eq!(parse(&[text]).as_deref(), Ok(std::slice::from_ref(text)));
    }
    assert!(parse(&[&format!("{RSA_1024}{ECDSA}")]).is_err());
}

#[test]
fn anything_else_is_refused() {
    let cut = &ECDSA[..ECDSA.len() - 40];
    let longer = ECDSA.replace("6pA=\n", "6pAAAA==\n");
    for text in [
        " ",
        "garbage",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nü\n-----END CERTIFICATE-----\n",
        "-----BEGIN ",
        cut,
        &longer,
    ] {
        let refused = parse(&["", ECDSA, text]).unwrap_err();
        assert!(refused.starts_with("filters.tls_certs[2]: "), "{refused}");
    }
}

#[test]
fn a_short_rsa_key_is_refused() {
    assert!(parse(&[RSA_1024]).unwrap_err().contains("1024"));
    let modulus = |bytes: &'static [u8]| {
        rsa_bits(&PublicKey::RSA(x509_parser::public_key::RSAPublicKey { modulus: bytes, exponent: &[3] }))
    };
    assert_eq!(modulus(&[0, 0x80, 1]), Some(16));
    assert_eq!(modulus(&[0x7f, 1]), Some(15));
    assert_eq!(modulus(&[0]), Some(0));
}
