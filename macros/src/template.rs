//! Templates such as `user::{user_id}::profile`, read and checked when the host is compiled.
//!
//! Owns: the grammar of templates, and that what they name exists. Never: knows what an argument's type is.
//!
//! ```text
//! template = 1*( literal / hole )
//! hole     = "{" name *( "." field ) [ ":" format ] "}"
//! ```

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::parse::Parser as _;
use syn::{Error, Ident, LitStr, Member, Result};

use crate::signature::Names;

/// Most bytes that the literals of one template may have, and most holes: so that a key always fits.
const LITERAL_MAX: usize = 256;
const HOLES_MAX: usize = 12;

/// What a template is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    Key,
    Scope,
    Tag,
}

#[derive(Clone)]
enum Piece {
    Literal(String),
    Hole(Hole),
}

#[derive(Clone)]
struct Hole {
    root: Ident,
    fields: Vec<Member>,
    format: Option<String>,
}

/// A template that is right for its function.
pub(crate) struct Template {
    pieces: Vec<Piece>,
}

impl Template {
    /// Reads `text`, whose holes may name what is in `names`.
    pub(crate) fn parse(text: &LitStr, purpose: Use, names: &Names) -> Result<Self> {
        let value = text.value();
        let fail = |message: &str| Err(Error::new(text.span(), message));
        let mut pieces = Vec::new();
        let mut rest = value.as_str();
        while !rest.is_empty() {
            let end = rest.find(['{', '}']).unwrap_or(rest.len());
            if end > 0 {
                pieces.push(Piece::Literal(rest[..end].to_owned()));
                rest = &rest[end..];
            } else if let Some(inside) = rest.strip_prefix('{') {
                let Some(end) = inside.find(['{', '}']).filter(|&end| inside[end..].starts_with('}')) else {
                    return fail("`{` opens an argument, and no `}` closes it; a key holds no braces");
                };
                pieces.push(Piece::Hole(Hole::parse(&inside[..end], text.span(), names)?));
                rest = &inside[end + 1..];
            } else {
                return fail("`}` closes nothing; a key holds no braces");
            }
        }
        let template = Self { pieces };
        match template.mistake(purpose) {
            None => Ok(template),
            Some(message) => fail(&message),
        }
    }

    /// As the original's `key_prefix` and `key_params`: `{prefix}::{p1}::...::{name}`.
    pub(crate) fn of_params(prefix: &LitStr, params: Vec<Ident>, name: &Ident) -> Result<Self> {
        let mut pieces = vec![Piece::Literal(format!("{}::", prefix.value()))];
        for root in params {
            pieces.push(Piece::Hole(Hole { root, fields: Vec::new(), format: None }));
            pieces.push(Piece::Literal("::".to_owned()));
        }
        pieces.push(Piece::Literal(name.to_string().trim_start_matches("r#").to_owned()));
        let template = Self { pieces };
        match template.mistake(Use::Key) {
            None => Ok(template),
            Some(message) => Err(Error::new(prefix.span(), message)),
        }
    }

    /// The arguments that it names.
    pub(crate) fn roots(&self) -> impl Iterator<Item = &Ident> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Hole(hole) => Some(&hole.root),
            Piece::Literal(_) => None,
        })
    }

    /// The first segment, if nothing but text stands in it: what an invalidation takes when its template makes no scope.
    pub(crate) fn literal_first_segment(&self) -> Option<String> {
        let Some(Piece::Literal(text)) = self.pieces.first() else { return None };
        let (first, _) = text.split_once(SEPARATOR)?;
        (!first.is_empty() && !first.contains(WILDCARDS)).then(|| first.to_owned())
    }

    /// Statements that keep the arguments in it as text, for when they are gone; it is then written from that
    /// text. `number` tells the templates of one function apart.
    pub(crate) fn keep_arguments(&mut self, krate: &TokenStream, number: usize) -> TokenStream {
        let mut kept = TokenStream::new();
        for (place, piece) in self.pieces.iter_mut().enumerate() {
            let Piece::Hole(hole) = piece else { continue };
            if hole.root == "ret" {
                continue;
            }
            let (span, shown) = (hole.root.span(), hole.shown());
            let root = Ident::new(&format!("__kept_{number}_{place}"), Span::mixed_site().located_at(span));
            let rendered = quote_spanned!(span=> #krate::__private::Rendered::new(#shown));
            kept.extend(code!(let #root = #rendered;));
            *hole = Hole { root, fields: Vec::new(), format: None };
        }
        kept
    }

    /// An expression that is the tag, or why there is none.
    pub(crate) fn tag(&self, krate: &TokenStream) -> TokenStream {
        let text = self.tag_text(krate);
        quote!(#text.tag())
    }

    /// An expression that is the scope of the tag, which is written as `written`.
    pub(crate) fn tag_scope(&self, written: &LitStr, krate: &TokenStream) -> TokenStream {
        let text = self.tag_text(krate);
        quote!(#text.tag_scope(#written))
    }

    /// A tag is not cut into segments: arguments stand in it as they are, and all of it is encoded as one.
    fn tag_text(&self, krate: &TokenStream) -> TokenStream {
        let writes = self.pieces.iter().map(|piece| piece.write(krate));
        code!({
            let mut __text = #krate::__private::Text::new();
            #(#writes)*
            __text
        })
    }

    /// Statements that write the text into `__text`, segment by segment.
    pub(crate) fn writes(&self, krate: &TokenStream) -> TokenStream {
        let (mut writes, mut literal) = (TokenStream::new(), String::new());
        let write_literal = |writes: &mut TokenStream, literal: &mut String| {
            if !literal.is_empty() {
                writes.extend(Piece::Literal(std::mem::take(literal)).write(krate));
            }
        };
        for (number, segment) in self.segments().iter().enumerate() {
            if number > 0 {
                literal.push_str(SEPARATOR);
            }
            match segment.as_slice() {
                [] => {}
                [Piece::Literal(text)] => literal.push_str(text),
                pieces => {
                    write_literal(&mut writes, &mut literal);
                    writes.extend(write_segment(pieces, krate));
                }
            }
        }
        write_literal(&mut writes, &mut literal);
        writes
    }

    /// The pieces of each segment.
    fn segments(&self) -> Vec<Vec<Piece>> {
        let mut segments = vec![Vec::new()];
        for piece in &self.pieces {
            let Piece::Literal(text) = piece else {
                segments.last_mut().expect("there is a first one").push(piece.clone());
                continue;
            };
            for (number, text) in text.split(SEPARATOR).enumerate() {
                if number > 0 {
                    segments.push(Vec::new());
                }
                if !text.is_empty() {
                    let segment = segments.last_mut().expect("there is a first one");
                    segment.push(Piece::Literal(text.to_owned()));
                }
            }
        }
        segments
    }

    /// What else a scope has to take: a wildcard that stands in a segment beside other text cannot look into an id that is
    /// hashed, so all keys are taken that have a hash in its place. `page::{url}*` takes `page::~*`, too.
    pub(crate) fn of_hashed_ids(&self) -> Option<Self> {
        let segments = self.segments();
        let is_partial = |segment: &&Vec<Piece>| {
            let is_wild = |piece: &Piece| matches!(piece, Piece::Literal(text) if text.contains(WILDCARDS));
            let is_whole =
                matches!(segment.as_slice(), [Piece::Literal(text)] if text.chars().all(|c| c == '*'));
            segment.iter().any(is_wild) && !is_whole
        };
        let place = segments.iter().skip(1).position(|segment| is_partial(&segment))? + 1;
        let mut pieces: Vec<Piece> = Vec::new();
        for segment in segments.into_iter().take(place) {
            pieces.extend(segment);
            pieces.push(Piece::Literal(SEPARATOR.to_owned()));
        }
        pieces.push(Piece::Literal("~*".to_owned()));
        Some(Self { pieces })
    }

    /// What breaks the rules of tags.
    fn mistake_of_tag(&self) -> Option<&'static str> {
        let literals = self.pieces.iter().map(|piece| match piece {
            Piece::Literal(text) => text.as_str(),
            Piece::Hole(_) => "",
        });
        if self.pieces.is_empty() {
            Some("it is empty; write a tag, as in \"author:{author_id}\"")
        } else if literals.clone().map(str::len).sum::<usize>() > LITERAL_MAX {
            Some("it is too long for a tag: at most 256 bytes of text")
        } else if self.roots().count() > 1 {
            Some(
                "two arguments in one tag can give one tag for different calls (`a-b` and `c`, `a` and `b-c`); write two tags",
            )
        } else if literals.flat_map(str::chars).any(char::is_control) {
            Some("a tag holds no control characters")
        } else {
            None
        }
    }

    /// What breaks the rules of keys or scopes.
    fn mistake(&self, purpose: Use) -> Option<String> {
        if purpose == Use::Tag {
            return self.mistake_of_tag().map(String::from);
        }
        let holes = self.roots().count();
        let literals = self.pieces.iter().map(|piece| match piece {
            Piece::Literal(text) => text.as_str(),
            Piece::Hole(_) => "",
        });
        let shape: String = self
            .pieces
            .iter()
            .map(|piece| if let Piece::Literal(text) = piece { text.as_str() } else { HOLE })
            .collect();
        let length: usize = literals.clone().map(str::len).sum();
        let odd = literals.clone().flat_map(str::chars).find(|&c| c.is_control() || "%=~".contains(c));
        let wild = literals.flat_map(str::chars).find(|c| "*?".contains(*c));
        let segments: Vec<&str> = shape.split("::").collect();
        Some(if shape.is_empty() {
            "it is empty; write the key, as in \"user::{user_id}::profile\"".into()
        } else if length > LITERAL_MAX || holes > HOLES_MAX {
            format!(
                "it is too long for a key: at most {LITERAL_MAX} bytes of text and {HOLES_MAX} arguments; give several of \
                 them as one, in a tuple or a struct that is `Serialize`"
            )
        } else if let Some(odd) = odd {
            format!(
                "a key cannot hold {odd:?} as it is: it stands for encoded text; use letters, digits, `_`, `-`, `.`"
            )
        } else if shape.contains(":::") {
            "it holds `:::`, which can be cut in two ways; segments are parted by `::`".into()
        } else if purpose == Use::Key && wild.is_some() {
            "a key has no wildcards; they belong in `#[cache_invalidate(\"..\")]`".into()
        } else if purpose == Use::Key && shape.replace("::", "").contains(':') {
            "segments are parted by `::`, not by `:`".into()
        } else if (purpose == Use::Key || wild.is_none()) && segments.contains(&"") {
            "a segment is empty; write something between `::` and `::`, and nothing after the last segment"
                .into()
        } else if segments.iter().any(|segment| segment.matches(HOLE).count() > 1) {
            "two arguments in one segment can give one key for different calls (`a-b` and `c`, `a` and `b-c`); part \
             them with `::`"
                .into()
        } else {
            return None;
        })
    }
}

/// What stands between two segments of a key.
const SEPARATOR: &str = "::";
const WILDCARDS: [char; 2] = ['*', '?'];

/// Statements that write a segment with an argument: it is encoded with the text around it, as the builder of keys encodes the same
/// text. What stands for other text, a wildcard or a colon, is not encoded, and an argument beside it alone.
fn write_segment(segment: &[Piece], krate: &TokenStream) -> TokenStream {
    let is_literal = |piece: &Piece| !matches!(piece, Piece::Literal(text) if text.contains(['*', '?', ':']));
    let encoded = |writes: TokenStream| {
        code! {
            let __start = __text.begin();
            #writes
            __text.encode(__start);
        }
    };
    if segment.iter().all(is_literal) {
        let writes = segment.iter().map(|piece| piece.write(krate));
        encoded(quote!(#(#writes)*))
    } else {
        let writes = segment.iter().map(|piece| match piece {
            Piece::Hole(_) => encoded(piece.write(krate)),
            Piece::Literal(_) => piece.write(krate),
        });
        quote!(#(#writes)*)
    }
}

impl Piece {
    /// A statement that writes it into `__text` as it is.
    fn write(&self, krate: &TokenStream) -> TokenStream {
        let hole = match self {
            Self::Literal(text) => return code!(__text.literal(#text);),
            Self::Hole(hole) => hole,
        };
        let (span, shown, text) = (hole.root.span(), hole.shown(), code!(__text));
        quote_spanned!(span=> #krate::__private::Hole(#shown).write(&mut #text);)
    }
}

/// Stands for an argument while the shape of a template is looked at; no literal holds it.
const HOLE: &str = "\u{1}";

impl Hole {
    fn parse(inside: &str, span: Span, names: &Names) -> Result<Self> {
        let (path, format) = match inside.split_once(':') {
            Some((path, format)) => (path, Some(format.to_owned())),
            None => (inside, None),
        };
        let mut parts = path.trim().split('.');
        let name = parts.next().unwrap_or_default();
        if name.is_empty() {
            let example = names.first();
            return Err(Error::new(
                span,
                format!("`{{}}` names no argument; write it, as in `{{{example}}}`"),
            ));
        }
        if Ident::parse_any.parse_str(name).is_err() {
            return Err(no_field(name, span));
        }
        let Some(root) = names.find(name) else {
            return Err(Error::new(span, names.unknown(name)));
        };
        let mut root = root.clone();
        root.set_span(root.span().located_at(span));
        let fields = parts.map(|part| field(part, span)).collect::<Result<_>>()?;
        Ok(Self { root, fields, format })
    }
}

impl Hole {
    /// An expression that borrows what stands in the text.
    fn shown(&self) -> TokenStream {
        let Self { root, fields, format } = self;
        let span = root.span();
        let value = quote_spanned!(span=> &#root #(.#fields)*);
        match format {
            Some(format) => {
                let format = LitStr::new(&format!("{{:{format}}}"), span);
                code!(&::core::format_args!(#format, #value))
            }
            None => value,
        }
    }
}

fn field(text: &str, span: Span) -> Result<Member> {
    let with_span = |mut member: Member| {
        match &mut member {
            Member::Named(name) => name.set_span(span),
            Member::Unnamed(index) => index.span = span,
        }
        member
    };
    let text = text.trim();
    // A field may be called by a keyword, with or without its `r#`.
    let raw = || syn::parse_str::<Member>(&format!("r#{text}"));
    syn::parse_str::<Member>(text).or_else(|_| raw()).map(with_span).map_err(|_| no_field(text, span))
}

fn no_field(text: &str, span: Span) -> Error {
    let message = format!(
        "`{text}` is no argument and no field; between braces stand an argument and its fields, as in `{{user.id}}`. \
         What has to be computed is given to the function as an argument"
    );
    Error::new(span, message)
}
