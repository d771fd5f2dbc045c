//! A mail server that takes everything and keeps nothing, as fast or as slowly as it is told.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// Where it listens, until the program ends.
pub(crate) fn serve(delay: Duration) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.expect("a connection");
            std::thread::spawn(move || talk(stream, delay));
        }
    });
    port
}

/// A port at which nobody listens.
pub(crate) fn nowhere() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

/// Speaks as much SMTP as it takes; ends with the connection.
fn talk(stream: TcpStream, delay: Duration) {
    let mut answers = stream.try_clone().expect("a second handle");
    // Whoever hangs up has heard enough.
    let mut say = |answer: &str| answers.write_all(answer.as_bytes()).unwrap_or_default();
    say("220 mail\r\n");
    let mut is_text = false;
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        match line.get(..4).unwrap_or(&line) {
            "." => {
                is_text = false;
                say("250 taken\r\n");
            }
            _ if is_text => {}
            "DATA" => {
                is_text = true;
                say("354 go on\r\n");
            }
            "MAIL" => {
                std::thread::sleep(delay);
                say("250 ok\r\n");
            }
            "QUIT" => return say("221 bye\r\n"),
            _ => say("250 ok\r\n"),
        }
    }
}
