//! `#[cached]`: the function that asks the cache first, and its companions.
//!
//! Owns: the code that is written. Never: decides at run time; the calls of `apex_cache::__private` do.

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, FnArg, Ident, ItemFn, PatType, Result, ReturnType, Type};

use crate::companions::is_for_callers;
use crate::options::{self, Cached, Run};
use crate::signature::{Function, Lent, generic, self_is_borrowed};
use crate::template::{Template, Use};

pub(crate) fn expand(options: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let function = Function::parse("cached", item)?;
    let options = options::cached(options)?;
    let template = template(&options, &function)?;
    let names = function.names();
    let tags =
        options.tags.0.iter().map(|tag| Template::parse(tag, Use::Tag, &names)).collect::<Result<_>>()?;
    if let (Some(stale), Run::Caller) = (&options.stale, options.run) {
        let message = "`stale` has the value loaded anew behind its caller's back, which `run = \"caller\"` cannot; leave one \
                       of them away";
        return Err(Error::new_spanned(&stale.tokens, message));
    }
    let returned = Returned::of(&function)?;
    let source = function.source("cached", options.cache.as_ref())?;
    let writer = Writer { function, options, template, tags, returned, source };
    writer.write()
}

/// The key, as a template or as prefix and parameters.
fn template(options: &Cached, function: &Function) -> Result<Template> {
    let names = function.names();
    let name = &function.item.sig.ident;
    match (&options.key, &options.key_prefix) {
        (Some(key), None) if options.key_params.is_none() => Template::parse(key, Use::Key, &names),
        (Some(key), None) => {
            let message = "`key_params` belongs to `key_prefix`; write the arguments into `key`, in braces";
            Err(Error::new(key.span(), message))
        }
        (None, Some(prefix)) => Template::of_params(prefix, params(options, function)?, name),
        (Some(key), Some(_)) => Err(Error::new(key.span(), "either `key` or `key_prefix`, not both")),
        (None, None) => {
            let holes: Vec<_> = all_params(function).iter().map(|name| format!("{{{name}}}::")).collect();
            let holes = holes.concat();
            let message = format!(
                "`#[cached]` needs a key: `key = \"user::{holes}{name}\"` (the first segment picks the tier), or \
                 `key_prefix = \"user\"`"
            );
            Err(Error::new(name.span(), message))
        }
    }
}

fn all_params(function: &Function) -> Vec<Ident> {
    let bound = function.args.iter().flat_map(|arg| arg.bound.iter());
    bound.filter(|name| *name != "cache").cloned().collect()
}

fn params(options: &Cached, function: &Function) -> Result<Vec<Ident>> {
    let Some(paths) = &options.key_params else { return Ok(all_params(function)) };
    let names = function.names();
    let find = |path: &syn::Path| {
        let name = path.get_ident().map(ToString::to_string).unwrap_or_default();
        names.find(&name).cloned().ok_or_else(|| Error::new(path.span(), names.unknown(&name)))
    };
    paths.iter().map(find).collect()
}

/// What a cached function returns.
pub(crate) struct Returned {
    /// What its body returns.
    pub(crate) body: Type,
    /// Whether it hands out a `Hit`, which its body cannot make.
    hit: bool,
    /// What its companion to prime takes.
    pub(crate) primed: Type,
}

impl Returned {
    fn of(function: &Function) -> Result<Self> {
        let returns = function.returns();
        if let ReturnType::Default = function.item.sig.output {
            let message = "this function returns nothing, so there is nothing to cache; to take values out of the cache \
                           after it, use `#[cache_invalidate(\"..\")]`";
            return Err(Error::new(function.item.sig.ident.span(), message));
        }
        if let Some((ty, message)) = refused(&returns) {
            return Err(Error::new_spanned(ty, message));
        }
        let is_result = |name: &str| name.ends_with("Result");
        let value = generic(&returns, is_result).unwrap_or(&returns);
        let (hit, body) = match generic(value, |name| name == "Hit") {
            Some(inner) => (true, replaced(&returns, value, inner)),
            None => (false, returns.clone()),
        };
        let value = generic(value, |name| name == "Hit").unwrap_or(value);
        let value = generic(value, |name| name == "Option").unwrap_or(value);
        let value = generic(value, |name| name == "Arc").unwrap_or(value);
        Ok(Self { body, hit, primed: value.clone() })
    }
}

fn refused(returns: &Type) -> Option<(&Type, &'static str)> {
    let value = generic(returns, |name| name.ends_with("Result")).unwrap_or(returns);
    let value = generic(value, |name| name == "Option").unwrap_or(value);
    match value {
        Type::Reference(_) => Some((
            value,
            "a value from the cache is owned, and cannot be borrowed; return it by value (`String` for `&str`), or in \
             an `Arc`",
        )),
        Type::ImplTrait(_) => {
            Some((value, "what is cached has a name; write the type that the function returns"))
        }
        _ => None,
    }
}

/// `whole` with `inner` in the place of `part`.
fn replaced(whole: &Type, part: &Type, inner: &Type) -> Type {
    if whole == part {
        return inner.clone();
    }
    let mut whole = whole.clone();
    if let Type::Path(path) = &mut whole
        && let Some(last) = path.path.segments.last_mut()
        && let syn::PathArguments::AngleBracketed(arguments) = &mut last.arguments
        && let Some(syn::GenericArgument::Type(ty)) =
            arguments.args.iter_mut().find(|argument| matches!(argument, syn::GenericArgument::Type(_)))
    {
        *ty = inner.clone();
    }
    whole
}

/// Writes the code of one cached function.
pub(crate) struct Writer {
    pub(crate) function: Function,
    pub(crate) options: Cached,
    pub(crate) template: Template,
    pub(crate) tags: Vec<Template>,
    pub(crate) returned: Returned,
    pub(crate) source: TokenStream,
}

impl Writer {
    fn write(&self) -> Result<TokenStream> {
        let front = self.front()?;
        if !self.options.companions {
            return Ok(front);
        }
        let (uncached, key, prime) = (self.uncached(), self.key_companion(), self.prime_companion());
        Ok(quote!(#front #uncached #key #prime))
    }

    /// The function as its callers see it.
    fn front(&self) -> Result<TokenStream> {
        let krate = &self.options.krate.0;
        let ItemFn { attrs, vis, sig, .. } = &self.function.item;
        let attrs = attrs.iter().filter(|attribute| is_for_callers(attribute));
        let mut sig = sig.clone();
        for (input, arg) in sig
            .inputs
            .iter_mut()
            .filter_map(|input| if let FnArg::Typed(input) = input { Some(input) } else { None })
            .zip(&self.function.args)
        {
            let name = &arg.name;
            *input.pat = syn::parse_quote!(#name);
        }
        let (patterns, key, policy, tags) =
            (self.function.patterns(), self.key(), self.policy(), self.tags());
        let (source, body) = (&self.source, &self.returned.body);
        let deliver = if self.returned.hit { quote!(deliver_hit) } else { quote!(deliver) };
        let outcome = quote_spanned!(body.span()=> #krate::__private::Probe::<#body>::new().outcome());
        let (cache, run) = match self.options.run {
            Run::Cache => (quote!(__cache), quote_spanned!(body.span()=> run)),
            // The body takes the arguments, among which the cache may be.
            Run::Caller => (quote!(__cache.cloned().as_ref()), quote_spanned!(body.span()=> run_in_caller)),
        };
        let at_hand = quote_spanned!(body.span()=> at_hand);
        let make = if self.options.run == Run::Cache { self.make_kept()? } else { self.make_lent() };
        let (before, tags) = match self.options.run {
            // Written only when something is to be loaded.
            Run::Cache => (quote!(), quote!(|| #tags)),
            Run::Caller => (quote!(let __tags = #tags;), quote!(move || __tags)),
        };
        Ok(quote! {
            #(#attrs)*
            #vis #sig {
                #[allow(unused_imports)]
                use #krate::__private::{
                    Deliver as _, NoCache as _, PlainProbe as _, SerializedHole as _, UnsharedProbe as _,
                    ValuedProbe as _,
                };
                #patterns
                let __key = #key.finish();
                let __source = &(#source);
                let __cache = #krate::__private::cache_of(__source);
                let __outcome = #outcome;
                let __kind = (__outcome, __outcome.value().absence(), __outcome.error().share());
                let __key = match #krate::__private::#at_hand(__cache, __key, &__kind) {
                    ::core::result::Result::Ok(__hit) => return __hit.#deliver(__outcome),
                    ::core::result::Result::Err(__key) => __key,
                };
                #before
                #krate::__private::#run(#cache, __key, #policy, #tags, __kind, #make).await.#deliver(__outcome)
            }
        })
    }

    /// A block that writes the key's text.
    pub(crate) fn key(&self) -> TokenStream {
        let (krate, writes) = (&self.options.krate.0, self.template.writes(&self.options.krate.0));
        quote!({
            let mut __text = #krate::__private::Text::new();
            #writes
            __text
        })
    }

    /// What is said about time, as a `LoadPolicy`.
    pub(crate) fn policy(&self) -> TokenStream {
        let krate = &self.options.krate.0;
        let said = [("ttl", &self.options.ttl), ("stale", &self.options.stale)];
        let said = said.iter().filter_map(|(word, span)| {
            let (word, tokens) = (Ident::new(word, proc_macro2::Span::call_site()), &span.as_ref()?.tokens);
            Some(quote!(.#word(#tokens)))
        });
        let none = self.options.none.as_ref().map(|none| none.tokens.clone());
        let none = none.unwrap_or_else(|| quote!(::core::time::Duration::ZERO));
        quote!(#krate::LoadPolicy::new()#(#said)*.not_found_ttl(#none))
    }

    /// An expression that is the tags, or why there are none.
    pub(crate) fn tags(&self) -> TokenStream {
        let krate = &self.options.krate.0;
        if self.tags.is_empty() {
            return quote!(#krate::Result::Ok(#krate::Tags::NONE));
        }
        let tags = self.tags.iter().map(|tag| tag.tag(krate));
        quote!((|| #krate::Result::Ok(#krate::Tags::new([#(#tags?),*])))())
    }

    /// A closure that begins the body with clones of all arguments.
    fn make_kept(&self) -> Result<TokenStream> {
        let krate = &self.options.krate.0;
        let (mut keeps, mut lends, mut passed) = (Vec::new(), Vec::new(), Vec::new());
        if let Some(receiver) = self.function.receiver() {
            let (this, borrowed) = (receiver.self_token, self_is_borrowed(receiver)?);
            let lent = if borrowed { quote!(#this) } else { quote!(&#this) };
            keeps.push(quote_spanned!(this.span=> let __this = #krate::__private::keep(#lent);));
            lends.push(if borrowed { quote!(let __this = &__this;) } else { quote!() });
            passed.push(quote!(__this));
        }
        for arg in &self.function.args {
            let (name, span) = (&arg.name, arg.ty.span());
            let keep = match arg.lent()? {
                Lent::Owned => quote_spanned!(span=> #krate::__private::keep(&#name)),
                Lent::Borrowed => quote_spanned!(span=> #krate::__private::keep_borrowed(#name)),
                Lent::BorrowedOption => {
                    quote_spanned!(span=> #name.map(|__borrowed| #krate::__private::keep_borrowed(__borrowed)))
                }
            };
            keeps.push(quote!(let #name = #keep;));
            lends.push(match arg.lent()? {
                Lent::Owned => quote!(),
                Lent::Borrowed => quote!(let #name = #name.lend();),
                Lent::BorrowedOption => quote!(let #name = #name.as_ref().map(|__kept| __kept.lend());),
            });
            passed.push(name.to_token_stream());
        }
        let body = self.body(&passed);
        Ok(quote!(|| {
            #(#keeps)*
            async move {
                #(#lends)*
                #body
            }
        }))
    }

    /// A closure that begins the body with the arguments as they are.
    fn make_lent(&self) -> TokenStream {
        let this = self.function.receiver().map(|receiver| receiver.self_token.to_token_stream());
        let names = self.function.args.iter().map(|arg| arg.name.to_token_stream());
        if self.options.companions {
            let passed: Vec<_> = this.into_iter().chain(names).collect();
            let body = self.body(&passed);
            return quote!(move || async move { #body });
        }
        let body = self.body(&[]);
        let this = this.map(|this| quote!(let __this = #this;));
        quote!(move || async move {
            #this
            #body
        })
    }

    /// What runs the body: a call of the companion, or the body itself.
    fn body(&self, passed: &[TokenStream]) -> TokenStream {
        let sig = &self.function.item.sig;
        if self.options.companions {
            let uncached = self.companion("uncached");
            let generics: Vec<_> = (sig.generics.params.iter())
                .filter_map(|param| match param {
                    syn::GenericParam::Type(ty) => Some(&ty.ident),
                    syn::GenericParam::Const(number) => Some(&number.ident),
                    syn::GenericParam::Lifetime(_) => None,
                })
                .collect();
            let turbofish = if generics.is_empty() { quote!() } else { quote!(::<#(#generics),*>) };
            let path =
                if self.function.receiver().is_some() { quote!(Self::#uncached) } else { quote!(#uncached) };
            return quote!(#path #turbofish(#(#passed),*).await);
        }
        let (returned, statements) = (&self.returned.body, &self.function.item.block.stmts);
        let patterns = (sig.inputs.iter())
            .filter_map(|input| if let FnArg::Typed(typed) = input { Some(typed) } else { None })
            .zip(&self.function.args)
            .map(|(PatType { pat, .. }, arg)| {
                let name = &arg.name;
                quote!(let #pat = #name;)
            });
        let (used, statements) = (self.used(), without_self(quote!(#(#statements)*)));
        quote! {
            // Tells the type of this block, which `?` could not find out.
            #[allow(unreachable_code, clippy::diverging_sub_expression)]
            if false {
                let __returned: #returned = loop {};
                return __returned;
            }
            #(#patterns)*
            #used
            #statements
        }
    }
}

/// `tokens` with `__this` for `self`, but for `self::`.
fn without_self(tokens: TokenStream) -> TokenStream {
    let mut tokens = tokens.into_iter().peekable();
    let mut out = TokenStream::new();
    while let Some(token) = tokens.next() {
        let token = match token {
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), without_self(group.stream()));
                inner.set_span(group.span());
                TokenTree::Group(inner)
            }
            TokenTree::Ident(ident)
                if ident == "self"
                    && !matches!(tokens.peek(), Some(TokenTree::Punct(next)) if next.as_char() == ':') =>
            {
                TokenTree::Ident(Ident::new("__this", ident.span()))
            }
            other => other,
        };
        out.extend([token]);
    }
    out
}
