//! The body of a list: stored documents put between `[`, `,` and `]` as they are. The documents are
//! never copied into one; memory stays at the page's own bytes, which the store shares. They go out in pieces of
//! half a write, so that the end of the list goes out with the last of them and not by itself.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::HttpResponse;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::http::StatusCode;
use bytes::Bytes;

use super::labelled;

/// How many bytes of an answer are gathered before they are written: a list of 100 usual users goes out at once. The
/// library takes pieces until there are as many, so that it holds a piece more at most.
pub const WRITTEN_AT_ONCE: usize = 112 << 10;
/// The longest piece of a document.
const PIECE: usize = WRITTEN_AT_ONCE / 2;

/// Answers 200 with an array of documents: each a line of JSON with or without its `\n`, or several with commas
/// between.
#[must_use]
pub fn list(documents: Vec<Bytes>) -> HttpResponse {
    labelled(HttpResponse::with_body(StatusCode::OK, BoxBody::new(List::new(documents))))
}

struct List {
    size: u64,
    rest: std::vec::IntoIter<Bytes>,
    /// What is left of a document whose separator went out before it.
    next: Option<Bytes>,
    place: Place,
}

/// What has gone out so far.
#[derive(Clone, Copy)]
enum Place {
    Start,
    Inside,
    End,
}

impl List {
    fn new(documents: Vec<Bytes>) -> Self {
        let separators = documents.len().saturating_sub(1);
        let content: usize = documents.iter().map(|document| line(document).len()).sum();
        let size = ("[]\n".len() + separators + content) as u64;
        Self { size, rest: documents.into_iter(), next: None, place: Place::Start }
    }

    fn next_chunk(&mut self) -> Option<Bytes> {
        if let Some(document) = self.next.as_mut().filter(|document| document.len() > PIECE) {
            return Some(document.split_to(PIECE));
        }
        if let Some(document) = self.next.take() {
            return Some(document);
        }
        self.next = self.rest.next().map(|document| document.slice_ref(line(&document)));
        let (chunk, place): (&'static [u8], Place) = match (self.place, self.next.is_some()) {
            (Place::Start, true) => (b"[", Place::Inside),
            (Place::Start, false) => (b"[]\n", Place::End),
            (Place::Inside, true) => (b",", Place::Inside),
            (Place::Inside, false) => (b"]\n", Place::End),
            (Place::End, _) => return None,
        };
        self.place = place;
        Some(Bytes::from_static(chunk))
    }
}

/// A document without the end of its line.
fn line(document: &[u8]) -> &[u8] {
    document.strip_suffix(b"\n").unwrap_or(document)
}

impl MessageBody for List {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.size)
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        Poll::Ready(self.next_chunk().map(Ok))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;

    use super::*;

    #[actix_web::test]
    async fn documents_are_joined_and_counted() {
        for (documents, wanted) in [
            (vec![], "[]\n"),
            (vec!["{}\n"], "[{}]\n"),
            (vec!["{\"a\":1}\n", "{}", "3\n"], "[{\"a\":1},{},3]\n"),
        ] {
            let list = List::new(documents.into_iter().map(Bytes::from).collect());
            let BodySize::Sized(size) = list.size() else { panic!("a list knows its size") };
            let body = to_bytes(list).await.unwrap();
            assert_eq!(body, wanted);
            assert_eq!(body.len() as u64, size);
        }
    }

    #[actix_web::test]
    async fn a_document_goes_out_without_a_copy() {
        let document = Bytes::from(b"{}\n".to_vec());
        let mut list = List::new(vec![document.clone()]);
        assert_eq!(list.next_chunk().unwrap(), "[");
        assert_eq!(list.next_chunk().unwrap().as_ptr(), document.as_ptr());
    }

    #[actix_web::test]
    async fn a_long_document_goes_out_in_pieces_without_a_copy() {
        let document = Bytes::from((0..=250).cycle().take(3 * PIECE + 1).collect::<Vec<u8>>());
        let mut list = List::new(vec![document.clone(), document.clone()]);
        let mut body = Vec::new();
        while let Some(chunk) = list.next_chunk() {
            assert!((1..=PIECE).contains(&chunk.len()));
            let held = document.as_ptr_range();
            assert!(chunk.len() == 1 || held.contains(&chunk.as_ptr()) || chunk == "]\n");
            body.extend_from_slice(&chunk);
        }
        assert!(body == [b"[", &*document, b",", &*document, b"]\n"].concat());
    }

    #[test]
    fn a_list_has_the_labels_of_every_answer() {
        let response = list(vec![]);
        assert_eq!(response.headers().get("content-type").unwrap(), "application/json");
        assert_eq!(response.headers().get("cache-control").unwrap(), "no-store");
    }
}
