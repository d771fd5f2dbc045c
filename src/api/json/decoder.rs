//! [`Tree`] → value: a serde `Deserializer` with the tolerance of `contract/endpoints.md` §3 — members in
//! any letter case, duplicates merged, `null` as nothing. Types need only plain derived `Deserialize`.

mod access;

use serde::de::value::StrDeserializer;
use serde::de::{Deserializer, IntoDeserializer, Visitor};

pub(super) use self::access::folds_to;
use self::access::{Elements, Entries, Members};
use super::fault::Fault;
use super::tree::Tree;

/// Everything a document says about one member: usually one tree, more where the member is repeated.
pub(super) struct Value<'t> {
    last: &'t Tree<'t>,
    /// Those before the last, in document order.
    earlier: Vec<&'t Tree<'t>>,
}

impl<'t> Value<'t> {
    pub(super) fn new(tree: &'t Tree<'t>) -> Self {
        Self { last: tree, earlier: Vec::new() }
    }

    fn repeat(&mut self, tree: &'t Tree<'t>) {
        self.earlier.push(std::mem::replace(&mut self.last, tree));
    }

    fn occurrences(&self) -> impl Iterator<Item = &'t Tree<'t>> {
        self.earlier.iter().copied().chain([self.last])
    }

    fn is_null(&self) -> bool {
        self.occurrences().all(Tree::is_null)
    }

    /// The last occurrence that is not `null`; each of them must be what is wanted.
    fn scalar<S>(
        &self,
        wanted: &'static str,
        read: impl Fn(&'t Tree<'t>) -> Option<S>,
    ) -> Result<Option<S>, Fault> {
        let mut scalar = None;
        for tree in self.occurrences().filter(|tree| !tree.is_null()) {
            scalar = Some(read(tree).ok_or_else(|| Fault::mismatch(tree.kind(), wanted))?);
        }
        Ok(scalar)
    }

    fn text(&self) -> Result<&'t str, Fault> {
        let text =
            self.scalar("string", |tree| if let Tree::String(text) = tree { Some(text) } else { None });
        Ok(text?.map_or("", |text| text))
    }

    fn elements(&self) -> Result<Elements<'t>, Fault> {
        let wrong = self.occurrences().find(|tree| !matches!(tree, Tree::Array(_) | Tree::Null));
        match (wrong, self.last) {
            (Some(tree), _) => Err(Fault::mismatch(tree.kind(), "list")),
            (None, Tree::Array(elements)) => Ok(Elements::new(elements)),
            (None, _) => Ok(Elements::new(&[])),
        }
    }
}

/// Reads a whole number that is written plainly and fits; `-0` is 0.
fn integer<N: TryFrom<i128>>(tree: &Tree<'_>) -> Option<N> {
    let Tree::Number(text) = tree else { return None };
    // Nearly all fit here, and wider ones are read much slower.
    let number = text.parse::<i64>().map(i128::from).or_else(|_| text.parse()).ok()?;
    N::try_from(number).ok()
}

fn float(tree: &Tree<'_>) -> Option<f64> {
    if let Tree::Number(text) = tree {
        text.parse().ok().filter(|float: &f64| float.is_finite())
    } else {
        None
    }
}

macro_rules! integers {
    ($($method:ident $visit:ident $type:ty),* $(,)?) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            visitor.$visit(self.scalar("integer", integer::<$type>)?.unwrap_or_default())
        })*
    };
}

impl<'de> Deserializer<'de> for Value<'_> {
    type Error = Fault;

    integers! {
        deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16, deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64, deserialize_i128 visit_i128 i128,
        deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16, deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64,
    }

    /// For types that take whatever comes; a repeated object is merged here too.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.last {
            Tree::Null => visitor.visit_unit(),
            Tree::Bool(flag) => visitor.visit_bool(*flag),
            Tree::String(text) => visitor.visit_str(text),
            Tree::Array(elements) => visitor.visit_seq(Elements::new(elements)),
            Tree::Object(_) => visitor.visit_map(Entries::new(self.occurrences())?),
            Tree::Number(_) => match (integer(self.last), integer(self.last), float(self.last)) {
                (Some(number), _, _) => visitor.visit_i64(number),
                (None, Some(number), _) => visitor.visit_u64(number),
                (None, None, Some(number)) => visitor.visit_f64(number),
                (None, None, None) => Err(Fault::mismatch("number", "number that fits")),
            },
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let flag = self.scalar("bool", |tree| if let Tree::Bool(flag) = tree { Some(*flag) } else { None });
        visitor.visit_bool(flag?.unwrap_or_default())
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_f64(self.scalar("number", float)?.unwrap_or_default())
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_str(self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let variant: StrDeserializer<'_, Fault> = self.text()?.into_deserializer();
        visitor.visit_enum(variant)
    }

    /// `null` says nothing, so that what stands before it counts; but a list it empties.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let said = self.occurrences().filter(|tree| !tree.is_null()).last();
        match said {
            None => visitor.visit_none(),
            Some(Tree::Array(_)) if self.last.is_null() => visitor.visit_none(),
            Some(_) => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_seq(self.elements()?)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_map(Entries::new(self.occurrences())?)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_map(Members::new(self.occurrences(), fields)?)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }
}
