//! What can stand in the brackets of an attribute.
//!
//! Owns: names and forms of options, and what is said about wrong ones. Never: writes code.

use darling::ast::NestedMeta;
use darling::util::PathList;
use darling::{FromMeta, Result};
use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Expr, ExprLit, Ident, Lit, LitStr, Meta, Path, Token};

use crate::signature::is_near;

/// `#[cached(..)]`.
#[derive(FromMeta)]
pub(crate) struct Cached {
    #[darling(default)]
    pub(crate) key: Option<LitStr>,
    #[darling(default)]
    pub(crate) key_prefix: Option<LitStr>,
    #[darling(default)]
    pub(crate) key_params: Option<PathList>,
    #[darling(default)]
    pub(crate) skip: Skip,
    #[darling(default)]
    pub(crate) ttl: Option<Span>,
    #[darling(default)]
    pub(crate) stale: Option<Span>,
    #[darling(default)]
    pub(crate) soft_timeout: Option<Span>,
    #[darling(default)]
    pub(crate) none: Option<Span>,
    #[darling(default)]
    pub(crate) tags: Tagging,
    #[darling(default)]
    pub(crate) cache: Option<Source>,
    #[darling(default)]
    pub(crate) run: Run,
    /// The value is kept as it is, charged with its `size`.
    #[darling(default)]
    pub(crate) native: darling::util::Flag,
    #[darling(default)]
    pub(crate) size: Option<Expr>,
    #[darling(default)]
    pub(crate) error: SharedError,
    /// Makes a copy of an error for each who waits.
    #[darling(default)]
    pub(crate) share: Option<Expr>,
    #[darling(default)]
    pub(crate) companions: Companions,
    #[darling(default, rename = "crate")]
    pub(crate) krate: Crate,
}

/// `#[cache_invalidate(..)]`, without its templates.
#[derive(FromMeta, Default)]
#[darling(default)]
pub(crate) struct Invalidate {
    pub(crate) on: On,
    pub(crate) tags: Tagging,
    pub(crate) after: After,
    pub(crate) fence: bool,
    pub(crate) cache: Option<Source>,
    pub(crate) report: Option<Source>,
    #[darling(rename = "crate")]
    pub(crate) krate: Crate,
}

/// Templates stand before and between the options.
pub(crate) fn invalidate(tokens: TokenStream) -> Result<(Vec<LitStr>, Invalidate)> {
    const KNOWN: [&str; 7] = ["on", "tags", "after", "cache", "report", "fence", "crate"];
    let (templates, options) = parted(tokens)?;
    all_known(&options, &KNOWN)?;
    let options = Invalidate::from_list(&options)?;
    if let Some(function) = options.tags.of_value.first() {
        let message = "`#[cache_invalidate]` reads no value that could name its tags: write templates, as in `tags = \
                       [\"author:{author_id}\"]`, or `after = [\"issue::{ret.id}::*\"]` for what the function returns";
        return Err(darling::Error::custom(message).with_span(function));
    }
    Ok((templates, options))
}

/// The templates, and the options.
fn parted(tokens: TokenStream) -> Result<(Vec<LitStr>, Vec<NestedMeta>)> {
    let (mut templates, mut options) = (Vec::new(), Vec::new());
    for item in NestedMeta::parse_meta_list(tokens)? {
        match item {
            NestedMeta::Lit(Lit::Str(template)) => templates.push(template),
            other => options.push(other),
        }
    }
    Ok((templates, options))
}

/// Tells of an option that there is not, with those that there are.
fn all_known(options: &[NestedMeta], known: &[&str]) -> Result<()> {
    let unknown = |option: &NestedMeta| {
        let NestedMeta::Meta(meta) = option else { return None };
        let name = meta.path().get_ident()?.to_string();
        if known.contains(&name.as_str()) {
            return None;
        }
        let near = known.iter().find(|known| is_near(known, &name));
        let hint = near.map(|near| format!(" (did you mean `{near}`?)")).unwrap_or_default();
        let known = known.iter().map(|known| format!("`{known}`")).collect::<Vec<_>>().join(", ");
        let message = format!("there is no option `{name}`{hint}; there are {known}");
        Some(darling::Error::custom(message).with_span(meta.path()))
    };
    let unknown: Vec<_> = options.iter().filter_map(unknown).collect();
    if unknown.is_empty() { Ok(()) } else { Err(darling::Error::multiple(unknown)) }
}

/// `#[cached(..)]` as it was written; its key may stand alone, as the template of `#[cache_invalidate]` does.
pub(crate) fn cached(tokens: TokenStream) -> Result<Cached> {
    const KNOWN: [&str; 17] = [
        "key",
        "key_prefix",
        "key_params",
        "skip",
        "ttl",
        "stale",
        "soft_timeout",
        "none",
        "tags",
        "cache",
        "run",
        "native",
        "size",
        "error",
        "share",
        "companions",
        "crate",
    ];
    let (keys, options) = parted(tokens)?;
    all_known(&options, &KNOWN)?;
    let mut cached = Cached::from_list(&options)?;
    for key in keys {
        if cached.key.is_some() || cached.key_prefix.is_some() {
            let message = "this is a second key; write one: `#[cached(\"user::{id}\")]`, `key = \"user::{id}\"` or \
                           `key_prefix = \"user\"`";
            return Err(darling::Error::custom(message).with_span(&key));
        }
        cached.key = Some(key);
    }
    if let Some(share) = cached.share.as_ref().filter(|_| cached.error.0) {
        let message = "`share` makes the errors that `error = \"shared\"` makes by `From<Arc<_>>`; leave one of them away";
        return Err(darling::Error::custom(message).with_span(share));
    }
    // Zero means "never" for the other times.
    if let Some(ttl) = cached.ttl.as_ref().filter(|ttl| ttl.is_zero) {
        let message = "nothing would be kept for a time of zero; leave the attribute away, or write a time";
        return Err(darling::Error::custom(message).with_span(&ttl.span));
    }
    Ok(cached)
}

/// `skip(page, _, ..)`: what no key has to tell apart.
#[derive(Default)]
pub(crate) struct Skip(pub(crate) Vec<Skipped>);

/// A name, `_` or `..`, as it stands in the function.
pub(crate) struct Skipped {
    pub(crate) text: String,
    pub(crate) span: proc_macro2::Span,
}

impl Parse for Skipped {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let span = input.span();
        let text = if input.peek(Token![_]) {
            input.parse::<Token![_]>().map(|_| "_".into())
        } else if input.peek(Token![..]) {
            input.parse::<Token![..]>().map(|_| "..".into())
        } else if input.peek(Token![self]) {
            input.parse::<Token![self]>().map(|_| "self".into())
        } else {
            input.parse::<Ident>().map(|name| name.to_string())
        };
        let message = "`skip` takes the names of arguments, `_` and `..`, as in `skip(pool, _)`";
        text.map(|text| Self { text, span }).map_err(|_| syn::Error::new(span, message))
    }
}

impl FromMeta for Skip {
    fn from_meta(item: &Meta) -> Result<Self> {
        let Meta::List(list) = item else {
            return Err(darling::Error::custom("write `skip(page)`, with the arguments in parentheses")
                .with_span(item));
        };
        let names = list.parse_args_with(Punctuated::<Skipped, Token![,]>::parse_terminated)?;
        Ok(Self(names.into_iter().collect()))
    }
}

/// Which functions are written next to the cached one.
#[derive(Clone, Copy)]
pub(crate) enum Companions {
    /// Nothing at all, not even a function for its body.
    Alone,
    Chosen {
        key: bool,
        prime: bool,
        uncached: bool,
    },
}

impl Default for Companions {
    fn default() -> Self {
        Self::Chosen { key: true, prime: true, uncached: true }
    }
}

impl FromMeta for Companions {
    fn from_bool(wanted: bool) -> Result<Self> {
        Ok(if wanted { Self::default() } else { Self::Alone })
    }

    fn from_list(items: &[NestedMeta]) -> Result<Self> {
        let (mut key, mut prime, mut uncached) = (false, false, false);
        for item in items {
            let word = match item {
                NestedMeta::Meta(Meta::Path(path)) => path.get_ident().map(Ident::to_string),
                _ => None,
            };
            match word.as_deref() {
                Some("key") => key = true,
                Some("prime") => prime = true,
                Some("uncached") => uncached = true,
                _ => {
                    let message = "the companions are `key`, `prime` and `uncached`, as in `companions(key, prime)`; \
                                   `companions = false` writes none";
                    return Err(darling::Error::custom(message).with_span(item));
                }
            }
        }
        Ok(Self::Chosen { key, prime, uncached })
    }
}

/// The crate under the name that the host gives it.
pub(crate) struct Crate(pub(crate) TokenStream);

impl Default for Crate {
    fn default() -> Self {
        Self(quote!(::apex_cache))
    }
}

impl FromMeta for Crate {
    fn from_expr(expr: &Expr) -> Result<Self> {
        Path::from_expr(expr).map(|path| Self(path.into_token_stream()))
    }
}

/// Tags that a value may have.
const TAGS_MAX: usize = 32;

/// Tags: templates, and functions that name them from the value.
#[derive(Default)]
pub(crate) struct Tagging {
    pub(crate) templates: Vec<LitStr>,
    pub(crate) of_value: Vec<Expr>,
}

impl FromMeta for Tagging {
    fn from_expr(expr: &Expr) -> Result<Self> {
        let mut tagging = Self::default();
        match expr {
            Expr::Array(list) => list.elems.iter().try_for_each(|item| tagging.add(item))?,
            Expr::Lit(_) => return Err(Self::refuse(expr)),
            function => tagging.of_value.push(function.clone()),
        }
        if tagging.templates.len() > TAGS_MAX {
            let message = format!("a value with more than {TAGS_MAX} tags is not stored; give it fewer");
            return Err(darling::Error::custom(message).with_span(expr));
        }
        Ok(tagging)
    }
}

impl Tagging {
    fn add(&mut self, item: &Expr) -> Result<()> {
        match item {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => self.templates.push(text.clone()),
            Expr::Lit(_) => return Err(Self::refuse(item)),
            function => self.of_value.push(function.clone()),
        }
        Ok(())
    }

    fn refuse(expr: &Expr) -> darling::Error {
        let message = "`tags` is a list, as in `tags = [\"author:{author_id}\", \"articles\"]`, or a function of the value, \
                       as in `tags = |page| page.tags()`";
        darling::Error::custom(message).with_span(expr)
    }
}

/// Templates over what a function returned: `["issue::{ret.id}::*"]`.
#[derive(Default)]
pub(crate) struct After(pub(crate) Vec<LitStr>);

impl FromMeta for After {
    fn from_expr(expr: &Expr) -> Result<Self> {
        let fail = |expr: &Expr| {
            darling::Error::custom("`after` is a list, as in `after = [\"issue::{ret.id}::*\"]`")
                .with_span(expr)
        };
        let text = |item: &Expr| match item {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(text.clone()),
            other => Err(fail(other)),
        };
        let Expr::Array(list) = expr else { return Err(fail(expr)) };
        list.elems.iter().map(text).collect::<Result<_>>().map(Self)
    }
}

/// Any expression.
pub(crate) struct Source(pub(crate) Expr);

impl FromMeta for Source {
    fn from_expr(expr: &Expr) -> Result<Self> {
        Ok(Self(expr.clone()))
    }
}

/// A time: text such as `"1h 30m"`, a number of seconds, or an expression that is a `Duration`.
pub(crate) struct Span {
    /// A `Duration`.
    pub(crate) tokens: TokenStream,
    /// It is written as zero.
    pub(crate) is_zero: bool,
    /// Where it is written.
    pub(crate) span: proc_macro2::Span,
}

impl FromMeta for Span {
    fn from_expr(expr: &Expr) -> Result<Self> {
        let fail = |message: &str| Err(darling::Error::custom(message).with_span(expr));
        let time = match expr {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
                match humantime::parse_duration(&text.value()) {
                    Ok(time) => time,
                    Err(_) => {
                        return fail(
                            "this is no time; write \"1h\", \"30m\", \"90s\", \"1h 30m\", or a number of seconds",
                        );
                    }
                }
            }
            Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) if !number.suffix().is_empty() => {
                return fail("a time with a unit stands in quotes, as in \"10m\"; a bare number is seconds");
            }
            Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => {
                std::time::Duration::from_secs(number.base10_parse()?)
            }
            other => return Ok(Self { tokens: other.to_token_stream(), is_zero: false, span: other.span() }),
        };
        let (secs, nanos) = (time.as_secs(), time.subsec_nanos());
        let tokens = quote!(::core::time::Duration::new(#secs, #nanos));
        Ok(Self { tokens, is_zero: time.is_zero(), span: expr.span() })
    }
}

/// Whether an error is kept for all who wait, each of whom is given one that is made from it.
#[derive(Clone, Copy, Default)]
pub(crate) struct SharedError(pub(crate) bool);

impl FromMeta for SharedError {
    fn from_expr(expr: &Expr) -> Result<Self> {
        match word(expr).as_deref() {
            Some("shared") => Ok(Self(true)),
            _ => Err(darling::Error::custom(
                "`error` is \"shared\": all who wait are given an error that is made from the one of the body, by \
                 `From<Arc<_>>`; to make it in another way, write `share = path`",
            )
            .with_span(expr)),
        }
    }
}

/// Who runs the body.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Run {
    #[default]
    Cache,
    Caller,
}

impl FromMeta for Run {
    fn from_expr(expr: &Expr) -> Result<Self> {
        match word(expr).as_deref() {
            Some("cache") => Ok(Self::Cache),
            Some("caller") => Ok(Self::Caller),
            _ => {
                Err(darling::Error::custom("`run` is \"cache\" (the load outlives its caller) or \"caller\"")
                    .with_span(expr))
            }
        }
    }
}

/// When to invalidate.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum On {
    Ok,
    /// A commit whose outcome is unknown ends in an error too, and may have gone through.
    #[default]
    Always,
}

impl FromMeta for On {
    fn from_expr(expr: &Expr) -> Result<Self> {
        match word(expr).as_deref() {
            Some("ok") => Ok(Self::Ok),
            Some("always") => Ok(Self::Always),
            _ => Err(darling::Error::custom(
                "`on` is `always` (after an error as well) or `ok` (after success)",
            )
            .with_span(expr)),
        }
    }
}

/// A word, in quotes or not.
fn word(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
        Expr::Path(path) => path.path.get_ident().map(Ident::to_string),
        _ => None,
    }
}
