//! The names in order, counted: any window of a million names in a few microseconds. Names only; the
//! documents are elsewhere. Blocks are never empty and hold their names sorted, without repetition.

use std::ops::Range;

use super::users::Window;

/// A block is split above so many names.
const SPLIT_ABOVE: usize = 512;
/// Names appended in order fill blocks so far, which leaves room for insertions.
const FILL: usize = 384;
/// Room that a block takes when it must grow: little, so that the directory stays near the names' size.
const BYTES_SLACK: usize = 512;
const ENDS_SLACK: usize = 32;

/// A sorted set of names that knows its positions.
#[derive(Debug, Clone, Default)]
pub(super) struct Directory {
    blocks: Vec<Block>,
    len: usize,
    /// The last number that was given to a block.
    last_number: u64,
}

/// Up to [`SPLIT_ABOVE`] names, end to end.
#[derive(Debug, Clone, Default)]
pub(super) struct Block {
    /// Another one after each change of the block, or of what one of its names stands for.
    number: u64,
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Directory {
    /// How many names there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no name.
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a name that is greater than all others: the way to build a directory from sorted names.
    pub(super) fn append(&mut self, name: &[u8]) {
        debug_assert!(self.blocks.last().is_none_or(|block| block.last() < name), "names come sorted");
        if self.blocks.last().is_none_or(|block| block.len() >= FILL) {
            self.blocks.push(Block::default());
        }
        let number = self.next_number();
        if let Some(block) = self.blocks.last_mut() {
            block.insert(block.len(), name);
            block.number = number;
            self.len += 1;
        }
    }

    /// Adds a name, or learns that what it stands for is another thing now; `false` when it was there.
    pub(super) fn insert(&mut self, name: &[u8]) -> bool {
        if self.blocks.is_empty() {
            self.blocks.push(Block::default());
        }
        let number = self.next_number();
        // A name beyond all others goes into the last block.
        let at = self.block_of(name).min(self.blocks.len() - 1);
        let block = &mut self.blocks[at];
        block.number = number;
        let Err(position) = block.position(name) else { return false };
        block.insert(position, name);
        self.len += 1;
        if block.len() > SPLIT_ABOVE {
            let mut upper = block.split();
            upper.number = self.next_number();
            self.blocks.insert(at + 1, upper);
        }
        true
    }

    /// Takes a name out; `false` when it was not there.
    pub(super) fn remove(&mut self, name: &[u8]) -> bool {
        let at = self.block_of(name);
        let Some(block) = self.blocks.get_mut(at) else { return false };
        let Ok(position) = block.position(name) else { return false };
        block.remove(position);
        self.last_number += 1;
        block.number = self.last_number;
        self.len -= 1;
        if block.len() == 0 {
            self.blocks.remove(at);
        }
        true
    }

    /// Whether the name is there.
    pub(super) fn contains(&self, name: &[u8]) -> bool {
        self.blocks.get(self.block_of(name)).is_some_and(|block| block.position(name).is_ok())
    }

    /// How many names are less than this one, and whether it is there itself.
    pub(super) fn rank(&self, name: &[u8]) -> (usize, bool) {
        let at = self.block_of(name);
        let before: usize = self.blocks[..at].iter().map(Block::len).sum();
        match self.blocks.get(at).map(|block| block.position(name)) {
            Some(Ok(position)) => (before + position, true),
            Some(Err(position)) => (before + position, false),
            None => (before, false),
        }
    }

    /// Where a window begins, counted in its order: behind a name where one is given, and then so many on.
    pub(super) fn offset(&self, after: Option<&[u8]>, window: Window) -> usize {
        let before = after.map_or(0, |name| {
            let (less, is_there) = self.rank(name);
            if window.descending { self.len - less } else { less + usize::from(is_there) }
        });
        before.saturating_add(window.offset)
    }

    /// The names from a position on, in order or in reverse order (then counted from the end).
    pub(super) fn window(&self, offset: usize, limit: usize, descending: bool) -> Vec<Box<[u8]>> {
        let count = limit.min(self.len.saturating_sub(offset));
        if count == 0 {
            return Vec::new();
        }
        if !descending {
            return self.names_from(offset, count);
        }
        let mut names = self.names_from(self.len - offset - count, count);
        names.reverse();
        names
    }

    /// The blocks that hold a window counted from the start, and which of their names belong to it.
    pub(super) fn spans(&self, offset: usize, count: usize) -> Vec<(&Block, Range<usize>)> {
        let (mut skip, mut left) = (offset, count);
        let mut spans = Vec::new();
        for block in &self.blocks {
            if left == 0 {
                break;
            }
            if skip >= block.len() {
                skip -= block.len();
                continue;
            }
            let range = skip..block.len().min(skip.saturating_add(left));
            left -= range.len();
            skip = 0;
            spans.push((block, range));
        }
        spans
    }

    /// The number of the block that this name is in, or would be in.
    pub(super) fn number_of(&self, name: &[u8]) -> Option<u64> {
        self.blocks
            .get(self.block_of(name).min(self.blocks.len().saturating_sub(1)))
            .map(|block| block.number)
    }

    /// All names, in order.
    pub(super) fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.blocks.iter().flat_map(Block::names)
    }

    /// The names after a given one, which need not be there; from the first on without one.
    pub(super) fn after(&self, name: Option<&[u8]>, limit: usize) -> Vec<Box<[u8]>> {
        let Some(name) = name else { return self.window(0, limit, false) };
        let at = self.block_of(name);
        let Some(block) = self.blocks.get(at) else { return Vec::new() };
        let skip = block.position(name).map_or_else(|before| before, |found| found + 1);
        self.blocks[at..].iter().flat_map(Block::names).skip(skip).take(limit).map(Box::from).collect()
    }

    fn names_from(&self, offset: usize, count: usize) -> Vec<Box<[u8]>> {
        let spans = self.spans(offset, count);
        spans.into_iter().flat_map(|(block, range)| block.names_in(range)).map(Box::from).collect()
    }

    fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// The first block whose last name is not less than this one: the only one it can be in.
    fn block_of(&self, name: &[u8]) -> usize {
        self.blocks.partition_point(|block| block.last() < name)
    }

    /// The memory that the directory holds.
    #[cfg(test)]
    fn heap_bytes(&self) -> usize {
        self.blocks.capacity() * size_of::<Block>()
            + self.blocks.iter().map(|b| b.bytes.capacity() + b.ends.capacity() * 4).sum::<usize>()
    }
}

impl Block {
    /// The number that the block has as long as nothing of it changes.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// How many names it has.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Some of its names, in order.
    pub(super) fn names_in(&self, range: Range<usize>) -> impl Iterator<Item = &[u8]> {
        range.map(|index| self.name(index))
    }

    fn start(&self, index: usize) -> usize {
        index.checked_sub(1).map_or(0, |before| self.ends[before] as usize)
    }

    fn name(&self, index: usize) -> &[u8] {
        &self.bytes[self.start(index)..self.ends[index] as usize]
    }

    fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.names_in(0..self.len())
    }

    fn last(&self) -> &[u8] {
        &self.bytes[self.start(self.len().saturating_sub(1))..]
    }

    /// Where the name is, or where it belongs.
    fn position(&self, name: &[u8]) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.name(middle).cmp(name) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Ok(middle),
            }
        }
        Err(low)
    }

    fn insert(&mut self, position: usize, name: &[u8]) {
        if self.bytes.capacity() - self.bytes.len() < name.len() {
            self.bytes.reserve_exact(name.len() + BYTES_SLACK);
        }
        if self.ends.capacity() == self.ends.len() {
            self.ends.reserve_exact(ENDS_SLACK);
        }
        let start = self.start(position);
        self.bytes.splice(start..start, name.iter().copied());
        self.ends.insert(position, length(start));
        for end in &mut self.ends[position..] {
            *end += length(name.len());
        }
    }

    fn remove(&mut self, position: usize) {
        let (start, end) = (self.start(position), self.ends[position] as usize);
        self.bytes.drain(start..end);
        self.ends.remove(position);
        for moved in &mut self.ends[position..] {
            *moved -= length(end - start);
        }
        if self.bytes.capacity() - self.bytes.len() > 4 * BYTES_SLACK {
            self.bytes.shrink_to(self.bytes.len() + BYTES_SLACK);
            self.ends.shrink_to(self.ends.len() + ENDS_SLACK);
        }
    }

    /// Keeps the lower half and gives the upper one.
    fn split(&mut self) -> Self {
        let half = self.len() / 2;
        let at = self.start(half);
        let bytes = self.bytes.split_off(at);
        let ends = self.ends.split_off(half).iter().map(|end| end - length(at)).collect();
        self.bytes.shrink_to_fit();
        self.ends.shrink_to_fit();
        Self { number: 0, bytes, ends }
    }
}

/// A length inside a block: 512 names of at most 4,000 bytes stay far below 32 bits.
fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("a block holds at most 513 names of at most 4,000 bytes")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn check(directory: &Directory, model: &BTreeSet<Vec<u8>>) {
        assert_eq!(directory.len(), model.len());
        assert_eq!(directory.is_empty(), model.is_empty());
        assert!(directory.blocks.iter().all(|b| b.len() > 0 && b.len() <= SPLIT_ABOVE));
        let sorted: Vec<&[u8]> = model.iter().map(Vec::as_slice).collect();
        let reversed: Vec<&[u8]> = sorted.iter().rev().copied().collect();
        for offset in [0, 1, model.len() / 2, model.len().saturating_sub(1), model.len(), model.len() + 5] {
            for limit in [0, 1, 7, 500, usize::MAX] {
                let expected = |all: &[&[u8]]| -> Vec<Box<[u8]>> {
                    all.iter().skip(offset).take(limit).map(|name| Box::from(*name)).collect()
                };
                assert_eq!(directory.window(offset, limit, false), expected(&sorted));
                assert_eq!(directory.window(offset, limit, true), expected(&reversed));
            }
        }
        let every: Vec<Box<[u8]>> = sorted.iter().map(|name| Box::from(*name)).collect();
        assert_eq!(directory.after(None, usize::MAX), every);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn it_is_a_counted_sorted_set(
            start in prop::collection::btree_set("[a-c]{0,3}", 0..30),
            steps in prop::collection::vec((any::<bool>(), "[a-c]{0,4}"), 0..120),
        ) {
            let mut model: BTreeSet<Vec<u8>> = start.into_iter().map(String::into_bytes).collect();
            let mut directory = Directory::default();
            for name in &model {
                directory.append(name);
            }
            for (add, name) in steps {
                let name = name.into_bytes();
                prop_assert_eq!(directory.contains(&name), model.contains(&name));
                if add {
                    prop_assert_eq!(directory.insert(&name), model.insert(name.clone()));
                } else {
                    prop_assert_eq!(directory.remove(&name), model.remove(&name));
                }
                let rank = (model.range(..name.clone()).count(), model.contains(&name));
                prop_assert_eq!(directory.rank(&name), rank);
                let after: Vec<Box<[u8]>> =
                    model.iter().filter(|n| **n > name).take(3).map(|n| Box::from(n.as_slice())).collect();
                prop_assert_eq!(directory.after(Some(&name), 3), after);
            }
            check(&directory, &model);
        }
    }

    /// Numbers in an order without a pattern.
    fn scattered(count: u64) -> impl Iterator<Item = u64> {
        (0..count).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17))
    }

    #[test]
    fn blocks_split_and_vanish() {
        let (mut directory, mut model) = (Directory::default(), BTreeSet::new());
        for (step, number) in scattered(6000).enumerate() {
            let name = format!("{number:x}").into_bytes();
            assert!(directory.insert(&name));
            model.insert(name);
            if step % 997 == 0 {
                check(&directory, &model);
            }
        }
        assert!(directory.blocks.len() > 10);
        for number in scattered(6000).take(5900) {
            let name = format!("{number:x}").into_bytes();
            assert!(directory.remove(&name));
            assert!(!directory.remove(&name));
            model.remove(&name);
        }
        check(&directory, &model);
    }

    #[test]
    fn a_block_has_another_number_after_each_change() {
        let mut directory = Directory::default();
        for name in ["a", "b", "c"] {
            directory.append(name.as_bytes());
        }
        let mut seen = BTreeSet::new();
        let mut changed = |directory: &Directory| seen.insert(directory.number_of(b"a").unwrap());
        assert!(changed(&directory));
        assert!(!changed(&directory));
        directory.insert(b"d");
        assert!(changed(&directory), "a name more");
        directory.insert(b"d");
        assert!(changed(&directory), "a name that stands for something else");
        directory.remove(b"b");
        assert!(changed(&directory), "a name less");
        directory.remove(b"b");
        assert!(!changed(&directory), "no name less");
        for number in 0..SPLIT_ABOVE {
            directory.insert(format!("e{number}").as_bytes());
        }
        let numbers: BTreeSet<u64> = directory.blocks.iter().map(Block::number).collect();
        assert_eq!(numbers.len(), directory.blocks.len(), "no two blocks have one number");
    }

    #[test]
    fn memory_stays_within_eight_bytes_a_name() {
        let mut directory = Directory::default();
        let mut names: Vec<String> = scattered(40_000).map(|n| format!("{n:016x}-some-user-name")).collect();
        names.sort_unstable();
        let mut bytes = 0;
        for (index, name) in names.iter().enumerate() {
            if index % 2 == 0 {
                directory.append(name.as_bytes());
                bytes += name.len();
            }
        }
        assert!(directory.heap_bytes() <= bytes + 8 * directory.len(), "built in bulk");
        for number in scattered(40_000) {
            let name = format!("{number:016x}-some-user-name");
            if directory.insert(name.as_bytes()) {
                bytes += name.len();
            }
        }
        assert_eq!(directory.len(), 40_000);
        assert!(directory.heap_bytes() <= bytes + 8 * directory.len(), "after insertions");
    }
}
