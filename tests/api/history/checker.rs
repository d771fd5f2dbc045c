//! Is there an order of these calls in which each could have come out as it did, and which no two calls contradict
//! that did not overlap? A search after Wing and Gong; what was tried in vain once is not tried again.

use std::collections::HashSet;

/// What a client asked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Op {
    Create { value: i64 },
    Write { value: i64, expected: Option<String> },
    Remove { expected: Option<String> },
    Read,
}

/// What it was answered.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    /// Created or written; the state has this tag now.
    Done {
        tag: String,
    },
    Removed,
    Seen {
        value: i64,
        tag: String,
    },
    /// There was one already.
    Taken,
    /// It was in another state.
    Stale,
    /// There was none.
    Gone,
}

/// A call, with the moments of its beginning and its end.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) op: Op,
    pub(super) outcome: Outcome,
}

/// The register: value and tag, or nothing.
type State<'c> = Option<(i64, &'c str)>;

impl Call {
    /// The state after this call, if it could come out so in the state before.
    fn apply<'c>(&'c self, before: State<'c>) -> Option<State<'c>> {
        let is_expected = |expected: &Option<String>| match (before, expected) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some((_, tag)), Some(expected)) => tag == expected,
        };
        let (fits, after) = match (&self.op, &self.outcome) {
            (Op::Create { value }, Outcome::Done { tag }) => (before.is_none(), Some((*value, tag.as_str()))),
            (Op::Create { .. }, Outcome::Taken) => (before.is_some(), before),
            (Op::Write { value, expected }, Outcome::Done { tag }) => {
                (is_expected(expected), Some((*value, tag.as_str())))
            }
            (Op::Remove { expected }, Outcome::Removed) => (is_expected(expected), None),
            (Op::Write { expected, .. } | Op::Remove { expected }, Outcome::Stale) => {
                (before.is_some() && !is_expected(expected), before)
            }
            (Op::Write { .. } | Op::Remove { .. } | Op::Read, Outcome::Gone) => (before.is_none(), before),
            (Op::Read, Outcome::Seen { value, tag }) => (before == Some((*value, tag.as_str())), before),
            (_, _) => (false, before),
        };
        fits.then_some(after)
    }
}

/// How far an order has come: all calls before the first one open, and some behind it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Progress<'c> {
    first_open: usize,
    behind: Vec<usize>,
    state: State<'c>,
}

/// Searches the history of one register, which begins empty.
pub(super) fn check(history: &[Call]) -> Result<(), String> {
    let mut calls: Vec<&Call> = history.iter().collect();
    calls.sort_by_key(|call| call.start);
    let mut tried = HashSet::new();
    let mut farthest = 0;
    let mut open = vec![Progress { first_open: 0, behind: Vec::new(), state: None }];
    while let Some(progress) = open.pop() {
        if progress.first_open == calls.len() {
            return Ok(());
        }
        farthest = farthest.max(progress.first_open);
        for next in candidates(&calls, &progress) {
            if let Some(state) = calls[next].apply(progress.state) {
                let step = advanced(&progress, next, state);
                if tried.insert(step.clone()) {
                    open.push(step);
                }
            }
        }
    }
    let around = &calls[farthest.saturating_sub(3)..calls.len().min(farthest + 8)];
    Err(format!("no order is possible from call {farthest} on: {around:#?}"))
}

/// The calls that may come next: those that began before any other open one had ended.
fn candidates(calls: &[&Call], progress: &Progress<'_>) -> Vec<usize> {
    let mut earliest_end = u64::MAX;
    let mut found = Vec::new();
    for (index, call) in calls.iter().enumerate().skip(progress.first_open) {
        if call.start > earliest_end {
            break;
        }
        if !progress.behind.contains(&index) {
            earliest_end = earliest_end.min(call.end);
            found.push(index);
        }
    }
    found.retain(|index| calls[*index].start < earliest_end);
    found
}

fn advanced<'c>(progress: &Progress<'c>, next: usize, state: State<'c>) -> Progress<'c> {
    let mut behind = progress.behind.clone();
    let place = behind.partition_point(|index| *index < next);
    behind.insert(place, next);
    let mut first_open = progress.first_open;
    while behind.first() == Some(&first_open) {
        behind.remove(0);
        first_open += 1;
    }
    Progress { first_open, behind, state }
}

#[test]
fn orders_are_found_and_their_absence_is_noticed() {
    let call = |start, end, op: Op, outcome: Outcome| Call { start, end, op, outcome };
    let done = |tag: &str| Outcome::Done { tag: tag.to_owned() };
    let seen = |value, tag: &str| Outcome::Seen { value, tag: tag.to_owned() };
    let write = |value, tag: &str| Op::Write { value, expected: Some(tag.to_owned()) };
    let create = || call(1, 2, Op::Create { value: 1 }, done("a"));
    let overlapping = vec![
        create(),
        call(3, 9, write(2, "a"), done("b")),
        call(4, 5, Op::Read, seen(1, "a")),
        call(6, 7, Op::Read, seen(2, "b")),
        call(8, 10, Op::Remove { expected: Some("a".into()) }, Outcome::Stale),
        call(11, 14, Op::Remove { expected: None }, Outcome::Removed),
        call(12, 13, Op::Create { value: 3 }, Outcome::Taken),
        call(15, 16, Op::Read, Outcome::Gone),
    ];
    assert_eq!(check(&overlapping), Ok(()));
    for (what, wrong) in [
        (
            "a lost update",
            vec![create(), call(3, 5, write(2, "a"), done("b")), call(4, 6, write(3, "a"), done("c"))],
        ),
        (
            "a stale read",
            vec![create(), call(3, 4, write(2, "a"), done("b")), call(5, 6, Op::Read, seen(1, "a"))],
        ),
        (
            "a read that goes back",
            vec![
                create(),
                call(3, 9, write(2, "a"), done("b")),
                call(4, 5, Op::Read, seen(2, "b")),
                call(6, 7, Op::Read, seen(1, "a")),
            ],
        ),
        (
            "a removal undone",
            vec![
                create(),
                call(3, 4, Op::Remove { expected: None }, Outcome::Removed),
                call(5, 6, Op::Read, seen(1, "a")),
            ],
        ),
        ("a refusal without a reason", vec![create(), call(3, 4, write(2, "a"), Outcome::Stale)]),
        ("two creations", vec![create(), call(3, 4, Op::Create { value: 2 }, done("b"))]),
        ("a value from nowhere", vec![create(), call(3, 4, Op::Read, seen(7, "a"))]),
    ] {
        assert!(check(&wrong).is_err(), "{what}");
    }
}
