//! The function under an attribute: its arguments, what it returns, and what of it can be called from elsewhere.
//!
//! Owns: refusing functions that cannot be served, with words that say what to write. Never: writes a body.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt as _;
use syn::visit::Visit;
use syn::{
    Error, FnArg, GenericArgument, Generics, Ident, ItemFn, Pat, PathArguments, Receiver, ReceiverKind,
    Result, ReturnType, Type,
};

use crate::options::Source;

/// How an argument gets into a load.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lent {
    /// Cloned.
    Owned,
    /// `&T`: made owned and borrowed again.
    Borrowed,
    /// `Option<&T>`: likewise.
    BorrowedOption,
}

/// One argument.
pub(crate) struct Arg {
    /// Its name outside: its own, or a made up one when it is a pattern.
    pub(crate) name: Ident,
    /// The pattern, unless that is a mere name.
    pub(crate) pattern: Option<Pat>,
    pub(crate) ty: Type,
    /// Names that it brings.
    pub(crate) bound: Vec<Ident>,
}

/// What a template may name.
pub(crate) struct Names {
    function: Ident,
    idents: Vec<Ident>,
}

impl Names {
    pub(crate) fn find(&self, name: &str) -> Option<&Ident> {
        let name = name.trim_start_matches("r#");
        self.idents.iter().find(|ident| ident.unraw() == name)
    }

    /// These, and `ret` for what the function returned; an argument of that name is hidden by it.
    pub(crate) fn with_returned(mut self) -> Self {
        self.idents.retain(|ident| *ident != "ret");
        self.idents.push(Ident::new("ret", Span::mixed_site()));
        self
    }

    /// One to show as an example.
    pub(crate) fn first(&self) -> String {
        self.idents.iter().find(|ident| *ident != "self").map_or("user_id".into(), ToString::to_string)
    }

    pub(crate) fn unknown(&self, name: &str) -> String {
        let known: Vec<_> = self.idents.iter().map(|ident| format!("`{ident}`")).collect();
        let near = self.idents.iter().map(ToString::to_string).find(|known| is_near(known, name));
        let hint = near.map(|near| format!(" (did you mean `{near}`?)")).unwrap_or_default();
        if name == "ret" {
            format!(
                "`{}` has no argument `ret`; what a function returned can be named only in `#[cache_invalidate(after = [..])]`",
                self.function
            )
        } else if known.is_empty() {
            format!("`{}` has no argument `{name}`: it has none at all", self.function)
        } else {
            format!("`{}` has no argument `{name}`{hint}; there are {}", self.function, known.join(", "))
        }
    }
}

/// Whether at most two characters were swapped, left out or added.
pub(crate) fn is_near(known: &str, typed: &str) -> bool {
    let (known, typed): (Vec<_>, Vec<_>) = (known.chars().collect(), typed.chars().collect());
    let same_start = known.iter().zip(&typed).take_while(|(a, b)| a == b).count();
    let same_end = known.iter().rev().zip(typed.iter().rev()).take_while(|(a, b)| a == b).count();
    let longest = known.len().max(typed.len());
    longest >= 3 && longest.saturating_sub(same_start + same_end) <= 2
}

/// A function that was looked through.
pub(crate) struct Function {
    pub(crate) item: ItemFn,
    pub(crate) args: Vec<Arg>,
}

impl Function {
    /// Reads `item`; `attribute` is named in what is refused.
    pub(crate) fn parse(attribute: &str, item: TokenStream) -> Result<Self> {
        let item: ItemFn = syn::parse2(item).map_err(|error| {
            Error::new(
                error.span(),
                format!("`#[{attribute}]` stands above an async fn with a body: {error}"),
            )
        })?;
        if item.sig.asyncness.is_none() {
            let returns_box = item.sig.output.to_token_stream().to_string().contains("dyn");
            let message = if returns_box {
                format!(
                    "`#[{attribute}]` needs an `async fn`; of a trait with `#[async_trait]`, call from here a method of \
                     the type itself that bears the attribute"
                )
            } else {
                format!(
                    "`#[{attribute}]` needs an `async fn`: it waits for the cache; write `async` before `fn`"
                )
            };
            return Err(Error::new(item.sig.fn_token.span, message));
        }
        let args = item.sig.inputs.iter().enumerate().filter_map(|(number, arg)| match arg {
            FnArg::Typed(typed) => Some(Arg::new(number, &typed.pat, (*typed.ty).clone())),
            FnArg::Receiver(_) => None,
        });
        Ok(Self { args: args.collect(), item })
    }

    pub(crate) fn receiver(&self) -> Option<&Receiver> {
        self.item.sig.receiver()
    }

    /// What a template may name.
    pub(crate) fn names(&self) -> Names {
        let this = self.receiver().map(|receiver| Ident::new("self", receiver.self_token.span));
        let bound = self.args.iter().flat_map(|arg| arg.bound.iter().cloned());
        Names { function: self.item.sig.ident.clone(), idents: this.into_iter().chain(bound).collect() }
    }

    /// The expression for the cache.
    pub(crate) fn source(&self, attribute: &str, given: Option<&Source>) -> Result<TokenStream> {
        if let Some(Source(expr)) = given {
            return Ok(expr.to_token_stream());
        }
        if let Some(argument) = self.args.iter().flat_map(|arg| &arg.bound).find(|name| *name == "cache") {
            return Ok(argument.to_token_stream());
        }
        if let Some(receiver) = self.receiver() {
            let this = receiver.self_token;
            return Ok(quote::quote_spanned!(this.span=> #this.cache()));
        }
        let message = format!(
            "`{}` does not say which cache to use; there are three ways:\n  1. an argument named `cache`, such as \
             `cache: &apex_cache::Cache` (of a method: a method `fn cache(&self) -> &Cache` beside it);\n  2. any \
             expression: `#[{attribute}(.., cache = APP.cache)]`;\n  3. one for the whole program: `#[{attribute}(.., \
             cache = apex_cache::installed())]`, after `apex_cache::install(cache)` at its start",
            self.item.sig.ident
        );
        Err(Error::new(self.item.sig.ident.span(), message))
    }

    /// Statements that bring in the names of arguments that are patterns, borrowed.
    pub(crate) fn patterns(&self) -> TokenStream {
        let lets = self.args.iter().filter_map(|arg| {
            let (pattern, name) = (arg.pattern.as_ref()?, &arg.name);
            Some(code!(#[allow(unused_variables)] let #pattern = &#name;))
        });
        quote::quote!(#(#lets)*)
    }

    /// What it returns.
    pub(crate) fn returns(&self) -> Type {
        match &self.item.sig.output {
            ReturnType::Default => syn::parse_quote!(()),
            ReturnType::Type(_, ty) => plain(ty).clone(),
        }
    }
}

impl Arg {
    fn new(number: usize, pattern: &Pat, ty: Type) -> Self {
        let mut bound = Bound::default();
        bound.visit_pat(pattern);
        if let Pat::Ident(plain) = pattern
            && plain.subpat.is_none()
            && plain.by_ref.is_none()
        {
            return Self { name: plain.ident.clone(), pattern: None, ty, bound: bound.0 };
        }
        let name = Ident::new(&format!("__arg{number}"), Span::mixed_site());
        Self { name, pattern: Some(pattern.clone()), ty, bound: bound.0 }
    }

    /// How it gets into a load that outlives its caller.
    pub(crate) fn lent(&self) -> Result<Lent> {
        let (lent, inner) = match plain(&self.ty) {
            Type::Reference(borrow) if borrow.mutability.is_some() => {
                return Err(self.refuse("is borrowed to be changed, which only one can do at a time"));
            }
            // Lives as long as any load does.
            Type::Reference(borrow)
                if borrow.lifetime.as_ref().is_some_and(|life| life.ident == "static") =>
            {
                return Ok(Lent::Owned);
            }
            Type::Reference(borrow) => (Lent::Borrowed, &*borrow.elem),
            other => match option_of_borrow(other) {
                Some(inner) => (Lent::BorrowedOption, inner),
                None => (Lent::Owned, other),
            },
        };
        if let (Lent::Borrowed, Type::TraitObject(_)) = (lent, inner) {
            return Err(self.refuse("is a trait object, which cannot be cloned"));
        }
        let mut borrows = Borrows(false);
        borrows.visit_type(inner);
        if borrows.0 {
            return Err(self.refuse("borrows something inside of it, which the load cannot keep"));
        }
        Ok(lent)
    }

    fn refuse(&self, why: &str) -> Error {
        let name = &self.name;
        let message = format!(
            "the argument `{name}` {why}. The load outlives its caller, so it needs a clone of every argument. Two ways \
             out: pass it owned or in an `Arc` (pools are cheap to clone), or write `run = \"caller\"` in the attribute: \
             then nothing is cloned, and a load dies with the caller that began it"
        );
        Error::new_spanned(&self.ty, message)
    }
}

/// The `T` of `Option<&T>`.
fn option_of_borrow(ty: &Type) -> Option<&Type> {
    match plain(generic(ty, |name| name == "Option")?) {
        Type::Reference(borrow) if borrow.mutability.is_none() => Some(&borrow.elem),
        _ => None,
    }
}

/// The first type in the angle brackets of `ty`, if its last name is as wanted.
pub(crate) fn generic(ty: &Type, wanted: impl Fn(&str) -> bool) -> Option<&Type> {
    let Type::Path(path) = plain(ty) else { return None };
    let last = path.path.segments.last().filter(|last| wanted(&last.ident.to_string()))?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

/// Collects the names in a pattern.
#[derive(Default)]
pub(crate) struct Bound(pub(crate) Vec<Ident>);

impl<'a> Visit<'a> for Bound {
    fn visit_pat_ident(&mut self, pattern: &'a syn::PatIdent) {
        self.0.push(pattern.ident.clone());
        syn::visit::visit_pat_ident(self, pattern);
    }
}

/// Looks for borrows in a type.
struct Borrows(bool);

impl<'a> Visit<'a> for Borrows {
    fn visit_type_reference(&mut self, borrow: &'a syn::TypeReference) {
        let lasts = borrow.lifetime.as_ref().is_some_and(|lifetime| lifetime.ident == "static");
        self.0 |= !lasts;
        syn::visit::visit_type_reference(self, borrow);
    }

    fn visit_lifetime(&mut self, lifetime: &'a syn::Lifetime) {
        self.0 |= lifetime.ident != "static";
    }

    // `impl Fn(&str)` and `fn(&str)` borrow only while they are called.
    fn visit_parenthesized_generic_arguments(&mut self, _: &'a syn::ParenthesizedGenericArguments) {}
    fn visit_type_fn_ptr(&mut self, _: &'a syn::TypeFnPtr) {}
}

/// Whether `tokens` name `ident` anywhere, other than as a field or a method.
pub(crate) fn mentions(tokens: TokenStream, ident: &Ident) -> bool {
    let mut dots = 0;
    tokens.into_iter().any(|token| {
        let (of_value, is_dot) = (dots == 1, matches!(&token, TokenTree::Punct(dot) if dot.as_char() == '.'));
        dots = if is_dot { dots + 1 } else { 0 };
        match token {
            TokenTree::Group(group) => mentions(group.stream(), ident),
            TokenTree::Ident(other) => other == *ident && !of_value,
            _ => false,
        }
    })
}

/// `ty` as it was written, also when a macro of the host passed it on.
pub(crate) fn plain(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => plain(&group.elem),
        Type::Paren(inner) => plain(&inner.elem),
        other => other,
    }
}

/// The part of `generics` that `inputs` need.
pub(crate) fn needed(generics: &Generics, inputs: &TokenStream) -> Generics {
    let named = |ident: &Ident| mentions(inputs.clone(), ident);
    let mut needed = generics.clone();
    needed.params = (generics.params.iter())
        .filter(|param| match param {
            syn::GenericParam::Lifetime(lifetime) => named(&lifetime.lifetime.ident),
            syn::GenericParam::Type(ty) => named(&ty.ident),
            syn::GenericParam::Const(number) => named(&number.ident),
        })
        .cloned()
        .collect();
    let gone: Vec<Ident> = (generics.type_params().map(|ty| ty.ident.clone()))
        .chain(generics.lifetimes().map(|lifetime| lifetime.lifetime.ident.clone()))
        .filter(|ident| !mentions(inputs.clone(), ident))
        .collect();
    if let Some(clause) = &mut needed.where_clause {
        let keeps = |predicate: &&syn::WherePredicate| {
            !gone.iter().any(|ident| mentions(predicate.to_token_stream(), ident))
        };
        clause.predicates = clause.predicates.iter().filter(keeps).cloned().collect();
    }
    needed
}

/// Whether a method has its `self` borrowed, or `None` when it cannot be cloned into a load.
pub(crate) fn self_is_borrowed(receiver: &Receiver) -> Result<bool> {
    let refuse = |message: &str| {
        Err(Error::new(
            receiver.self_token.span,
            format!(
                "{message}. The load outlives its caller, so it needs a clone of `self`. Two ways out: take `&self` of a \
                 type that is `Clone`, or `self: Arc<Self>`; or write `run = \"caller\"` in the attribute: then nothing \
                 is cloned, and a load dies with the caller that began it"
            ),
        ))
    };
    match &receiver.kind {
        ReceiverKind::Reference(_, _, Some(_)) => refuse("`self` is borrowed to be changed"),
        ReceiverKind::Reference(..) => Ok(true),
        ReceiverKind::Typed(_, ty) => match &**ty {
            Type::Reference(borrow) if borrow.mutability.is_some() => {
                refuse("`self` is borrowed to be changed")
            }
            other => Ok(matches!(other, Type::Reference(_))),
        },
        _ => Ok(false),
    }
}

/// Whether a type has an `impl Trait` in it.
pub(crate) fn mentions_impl(ty: &Type) -> bool {
    mentions(ty.to_token_stream(), &Ident::new("impl", Span::call_site()))
}
