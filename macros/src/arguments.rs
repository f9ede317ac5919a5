//! The rule that keys follow: an argument is in the key, or the host says that no key has to tell it.
//!
//! Owns: which arguments a key leaves out, and what is said about them. Never: knows what a body does with an
//! argument.
//!
//! An argument that is in no key gives one entry to calls that differ, and so serves one caller what belongs
//! to another.

use std::collections::HashSet;

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::Visit;
use syn::{Block, Error, Expr, FnArg, Ident, Pat, Result, Stmt};

use crate::options::{Cached, Source};
use crate::signature::{Bound, Function};
use crate::template::Template;

/// Arguments that no key has to tell.
pub(crate) struct Exempt {
    /// Those that say which cache.
    of_cache: HashSet<String>,
    /// Those in `skip(..)`, with `_` and `..`.
    skipped: HashSet<String>,
}

impl Exempt {
    /// Reads the options. Errors: `skip` names what is no argument.
    pub(crate) fn of(options: &Cached, function: &Function) -> Result<Self> {
        let names = function.names();
        for skipped in &options.skip.0 {
            if !["_", ".."].contains(&skipped.text.as_str()) && names.find(&skipped.text).is_none() {
                return Err(Error::new(skipped.span, names.unknown(&skipped.text)));
            }
        }
        let of_cache = match &options.cache {
            Some(Source(expr)) => roots(expr),
            None => HashSet::from(["cache".to_owned()]),
        };
        let skipped = options.skip.0.iter().map(|skipped| skipped.text.clone()).collect();
        Ok(Self { of_cache, skipped })
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.of_cache.contains(name) || self.skipped.contains(name)
    }
}

/// Fails with every argument that `template` does not tell and nobody skips.
pub(crate) fn check(
    options: &Cached,
    function: &Function,
    template: &Template,
    tags: &[Template],
    exempt: &Exempt,
) -> Result<()> {
    let in_key = roots_of(std::slice::from_ref(template));
    let both = options.skip.0.iter().find(|skipped| in_key.contains(&skipped.text));
    if let Some(both) = both {
        let message = format!("`{}` is in the key already; take it out of `skip(..)`", both.text);
        return Err(Error::new(both.span, message));
    }
    let told = |name: &str| in_key.contains(name) || exempt.has(name);
    let mut missing = Vec::new();
    for input in &function.item.sig.inputs {
        let FnArg::Typed(input) = input else { continue };
        let mut bound = Bound::default();
        bound.visit_pat(&input.pat);
        // What else is in the argument that holds the cache came along with it.
        let holds_cache = bound.0.iter().any(|name| exempt.of_cache.contains(&name.to_string()));
        let of_this = left_out(&input.pat, &told).into_iter();
        missing.extend(of_this.filter(|(name, _)| !holds_cache || !["_", ".."].contains(&name.as_str())));
    }
    let (key_params, tags) = (options.key_params.is_some(), roots_of(tags));
    let errors = missing
        .into_iter()
        .map(|(name, span)| Error::new(span, message(&name, key_params, tags.contains(&name))));
    errors
        .reduce(|mut all, next| {
            all.combine(next);
            all
        })
        .map_or(Ok(()), Err)
}

fn roots_of(templates: &[Template]) -> HashSet<String> {
    templates.iter().flat_map(Template::roots).map(ToString::to_string).collect()
}

fn message(name: &str, key_params: bool, in_tag: bool) -> String {
    if ["_", ".."].contains(&name) {
        return format!(
            "`{name}` leaves a part of this argument out of the key, so calls that differ in it would share one entry. Give \
             it a name and put that into the key; or, if the value does not depend on it, write `skip({name})`"
        );
    }
    let into = if key_params {
        format!("Put it into the key: `key_params(.., {name})`")
    } else {
        format!("Put it into the key: `{{{name}}}`")
    };
    let tag = if in_tag { " (a tag does not tell entries apart)" } else { "" };
    format!(
        "`{name}` is not in the key, so calls that differ in it would share one entry{tag}. {into}; or, if the value does not depend on it, write `skip({name})`"
    )
}

/// What of `pattern` is not `told`: names, `_` and `..`, each with its place.
fn left_out(pattern: &Pat, told: &dyn Fn(&str) -> bool) -> Vec<(String, Span)> {
    let all = |patterns: &mut dyn Iterator<Item = &Pat>| {
        patterns.flat_map(|pattern| left_out(pattern, told)).collect::<Vec<_>>()
    };
    let hole = |text: &str| if told(text) { Vec::new() } else { vec![(text.to_owned(), pattern.span())] };
    match pattern {
        Pat::Ident(name) if told(&name.ident.to_string()) => Vec::new(),
        Pat::Ident(name) => match &name.subpat {
            // Its parts tell it as well as its name does.
            Some((_, part)) if !matches!(**part, Pat::Wild(_) | Pat::Rest(_)) => left_out(part, told),
            _ => vec![(name.ident.to_string(), name.ident.span())],
        },
        Pat::Wild(_) => hole("_"),
        Pat::Rest(_) => hole(".."),
        Pat::Tuple(tuple) => all(&mut tuple.elems.iter()),
        Pat::TupleStruct(tuple) => all(&mut tuple.elems.iter()),
        Pat::Slice(slice) => all(&mut slice.elems.iter()),
        Pat::Or(cases) => {
            let mut seen = HashSet::new();
            let mut missing = all(&mut cases.cases.iter());
            missing.retain(|(name, _)| seen.insert(name.clone()));
            missing
        }
        Pat::Struct(fields) => {
            let mut missing = all(&mut fields.fields.iter().map(|field| &*field.pat));
            let rest = fields.rest.as_ref().filter(|_| !told(".."));
            missing.extend(rest.map(|rest| ("..".to_owned(), rest.span())));
            missing
        }
        Pat::Reference(inner) => left_out(&inner.pat, told),
        Pat::Paren(inner) => left_out(&inner.pat, told),
        Pat::Type(inner) => left_out(&inner.pat, told),
        _ => Vec::new(),
    }
}

/// The names at which `expr` begins: `app` of `app.cache`, of `app.caches[0].clone()`, of `cache_of(&app, 1)`
/// and of `match &app.cache { Some(cache) => cache, None => return }`.
fn roots(expr: &Expr) -> HashSet<String> {
    match expr {
        Expr::Path(path) => path.path.get_ident().map(ToString::to_string).into_iter().collect(),
        Expr::Field(inner) => roots(&inner.base),
        Expr::MethodCall(call) => roots(&call.receiver),
        Expr::Index(inner) => roots(&inner.expr),
        Expr::Reference(inner) => roots(&inner.expr),
        Expr::Paren(inner) => roots(&inner.expr),
        Expr::Group(inner) => roots(&inner.expr),
        Expr::Try(inner) => roots(&inner.expr),
        Expr::Await(inner) => roots(&inner.base),
        Expr::Unary(inner) => roots(&inner.expr),
        Expr::Cast(inner) => roots(&inner.expr),
        Expr::Closure(inner) => roots(&inner.body),
        // The first argument is what a method would have as its receiver.
        Expr::Call(call) => {
            call.args.first().map(roots).into_iter().flatten().chain(roots(&call.func)).collect()
        }
        Expr::Block(inner) => roots_of_block(&inner.block),
        Expr::Unsafe(inner) => roots_of_block(&inner.block),
        Expr::If(inner) => {
            let other = inner.else_branch.as_ref().map(|(_, other)| roots(other)).unwrap_or_default();
            let found = roots_of_block(&inner.then_branch);
            let found = match &*inner.cond {
                Expr::Let(bound) => resolved(found, &bound.pat, &bound.expr),
                _ => found,
            };
            found.into_iter().chain(other).collect()
        }
        Expr::Match(inner) => {
            let arms = inner.arms.iter();
            arms.flat_map(|arm| resolved(roots(&arm.body), &arm.pat, &inner.expr)).collect()
        }
        Expr::Macro(inner) => idents(inner.mac.tokens.clone()),
        _ => HashSet::new(),
    }
}

fn roots_of_block(block: &Block) -> HashSet<String> {
    let mut found = match block.stmts.last() {
        Some(Stmt::Expr(last, _)) => roots(last),
        Some(Stmt::Macro(last)) => idents(last.mac.tokens.clone()),
        _ => HashSet::new(),
    };
    for statement in block.stmts.iter().rev() {
        if let Stmt::Local(local) = statement
            && let Some(init) = &local.init
        {
            found = resolved(found, &local.pat, &init.expr);
        }
    }
    found
}

/// `found`, with the roots of `from` for the names that `pattern` takes from it.
fn resolved(mut found: HashSet<String>, pattern: &Pat, from: &Expr) -> HashSet<String> {
    let mut bound = Bound::default();
    bound.visit_pat(pattern);
    let mut takes = false;
    for name in bound.0 {
        takes |= found.remove(&name.to_string());
    }
    if takes {
        found.extend(roots(from));
    }
    found
}

fn idents(tokens: TokenStream) -> HashSet<String> {
    let names = |token: TokenTree| match token {
        TokenTree::Ident(name) => HashSet::from([Ident::to_string(&name)]),
        TokenTree::Group(group) => idents(group.stream()),
        _ => HashSet::new(),
    };
    tokens.into_iter().flat_map(names).collect()
}
