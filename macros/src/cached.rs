//! `#[cached]`: the function that asks the cache first, and its companions.
//!
//! Owns: the code that is written. Never: decides at run time; the calls of `apex_cache::__private` do.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, FnArg, Ident, ItemFn, Result, ReturnType, Type};

use crate::arguments::{self, Exempt};
use crate::companions::{is_for_callers, softened};
use crate::options::{self, Cached, Run};
use crate::signature::{Function, generic, plain};
use crate::template::{Template, Use};

pub(crate) fn expand(options: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let function = Function::parse("cached", item)?;
    let options = options::cached(options)?;
    let exempt = Exempt::of(&options, &function)?;
    let template = template(&options, &function, &exempt)?;
    let names = function.names();
    let templates = options.tags.templates.iter();
    let tags: Vec<_> = templates.map(|tag| Template::parse(tag, Use::Tag, &names)).collect::<Result<_>>()?;
    arguments::check(&options, &function, &template, &tags, &exempt)?;
    only_behind_the_caller(&options)?;
    let returned = Returned::of(&function)?;
    check_native(&options, &returned)?;
    let source = function.source("cached", options.cache.as_ref())?;
    let writer = Writer { function, options, template, tags, returned, source, body: None };
    writer.write()
}

/// Refuses what needs a load that goes on without its caller.
fn only_behind_the_caller(options: &Cached) -> Result<()> {
    for (word, time) in [("stale", &options.stale), ("soft_timeout", &options.soft_timeout)] {
        if let Some(time) = time.as_ref().filter(|time| !time.is_zero)
            && options.run == Run::Caller
        {
            let message = format!(
                "`{word}` needs a load that goes on behind its caller's back, which `run = \"caller\"` cannot; leave one \
                 of them away"
            );
            return Err(Error::new(time.span, message));
        }
    }
    Ok(())
}

/// Refuses what does not go with native values, and a size without one.
fn check_native(options: &Cached, returned: &Returned) -> Result<()> {
    let (native, span) = (options.native.is_present(), options.native.span());
    if let Some(size) = options.size.as_ref().filter(|_| !native) {
        let message = "`size` says what a native value is charged with; add `native`, or leave `size` away: the size of an \
                       encoded value is known";
        return Err(Error::new_spanned(size, message));
    }
    if native && options.run == Run::Caller {
        let message = "`native` does not go with `run = \"caller\"`; leave one of them away";
        return Err(Error::new(span, message));
    }
    if native && !returned.in_arc {
        let message = "`native` keeps the value as it is and gives all callers the same one: return `Arc<T>`, \
                       `Option<Arc<T>>`, or a `Result` of one of them, and write the `Arc` out";
        return Err(Error::new_spanned(&returned.body, message));
    }
    Ok(())
}

/// The key, as a template or as prefix and parameters.
fn template(options: &Cached, function: &Function, exempt: &Exempt) -> Result<Template> {
    let names = function.names();
    let name = &function.item.sig.ident;
    match (&options.key, &options.key_prefix) {
        (Some(key), None) if options.key_params.is_none() => Template::parse(key, Use::Key, &names),
        (Some(key), None) => {
            let message = "`key_params` belongs to `key_prefix`; write the arguments into `key`, in braces";
            Err(Error::new(key.span(), message))
        }
        (None, Some(prefix)) => Template::of_params(prefix, params(options, function, exempt)?, name),
        (Some(key), Some(_)) => Err(Error::new(key.span(), "either `key` or `key_prefix`, not both")),
        (None, None) => {
            let holes: Vec<_> =
                all_params(function, exempt).iter().map(|name| format!("{{{name}}}::")).collect();
            let holes = holes.concat();
            let message = format!(
                "`#[cached]` needs a key: `key = \"user::{holes}{name}\"` (the first segment picks the tier), or \
                 `key_prefix = \"user\"`"
            );
            Err(Error::new(name.span(), message))
        }
    }
}

fn all_params(function: &Function, exempt: &Exempt) -> Vec<Ident> {
    let bound = function.args.iter().flat_map(|arg| arg.bound.iter());
    bound.filter(|name| !exempt.has(&name.to_string())).cloned().collect()
}

fn params(options: &Cached, function: &Function, exempt: &Exempt) -> Result<Vec<Ident>> {
    let Some(paths) = &options.key_params else { return Ok(all_params(function, exempt)) };
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
    /// Whether the function returns that in an `Arc`.
    pub(crate) in_arc: bool,
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
        let in_arc = generic(value, |name| name == "Arc");
        Ok(Self { body, hit, primed: in_arc.unwrap_or(value).clone(), in_arc: in_arc.is_some() })
    }
}

fn refused(returns: &Type) -> Option<(&Type, &'static str)> {
    let value = generic(returns, |name| name.ends_with("Result")).unwrap_or(returns);
    let value = generic(value, |name| name == "Option").unwrap_or(value);
    match plain(value) {
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
    /// The function that the body becomes; `None`: it stays in the function itself.
    pub(crate) body: Option<Ident>,
}

impl Writer {
    /// The function as its callers see it.
    pub(crate) fn front(&self) -> Result<TokenStream> {
        let krate = &self.options.krate.0;
        let ItemFn { attrs, vis, sig, .. } = &self.function.item;
        let attrs = attrs.iter().filter(|attribute| is_for_callers(attribute)).map(softened);
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
            (self.function.patterns(), self.key(), self.said(), self.tagging());
        let can_be_none = self.can_be_none();
        let (source, body) = (&self.source, &self.returned.body);
        let deliver = if self.returned.hit { quote!(deliver_hit) } else { quote!(deliver) };
        let outcome = quote_spanned!(body.span()=> #krate::__private::Probe::<#body>::new().outcome());
        let native = self.options.native.is_present();
        let (cache, run) = match self.options.run {
            Run::Cache if native => (code!(__cache), quote_spanned!(body.span()=> run_native)),
            Run::Cache => (code!(__cache), quote_spanned!(body.span()=> run)),
            // The body takes the arguments, among which the cache may be.
            Run::Caller => (code!(__cache.cloned().as_ref()), quote_spanned!(body.span()=> run_in_caller)),
        };
        let at_hand = quote_spanned!(body.span()=> at_hand);
        // A native value has no decoded copy that could be at hand.
        let at_hand = (!native).then(|| {
            code! {
                let __key = match #krate::__private::#at_hand(__cache, __key, &__kind) {
                    ::core::result::Result::Ok(__hit) => return __hit.#deliver(__outcome),
                    ::core::result::Result::Err(__key) => __key,
                };
            }
        });
        let make = if self.options.run == Run::Cache { self.make_kept()? } else { self.make_lent() };
        let share = match &self.options.share {
            Some(copy) => code!(__outcome.error().shared_by(#copy)),
            None if self.options.error.0 => code!(__outcome.error().shared()),
            None => code!(__outcome.error().share()),
        };
        let (before, tags) = match self.options.run {
            // Written only when something is to be loaded.
            Run::Cache => (code!(), code!(|| #tags)),
            Run::Caller => (code!(let __tags = #tags;), code!(move || __tags)),
        };
        Ok(code! {
            #(#attrs)*
            #vis #sig {
                #[allow(unused_imports)]
                use #krate::__private::{
                    Deliver as _, LayersProbe as _, NoCache as _, OuterProbe as _, PlainProbe as _,
                    SerializedHole as _, UnsharedProbe as _, ValuedProbe as _,
                };
                #patterns
                let __key = #key.finish();
                let __source = &(#source);
                let __cache = #krate::__private::cache_of(__source);
                let __outcome = #outcome;
                #can_be_none
                let __kind = (__outcome, __outcome.value().absence(), #share);
                #at_hand
                #before
                #krate::__private::#run(#cache, __key, #policy, #tags, __kind, #make).await.#deliver(__outcome)
            }
        })
    }

    /// A block that writes the key's text.
    pub(crate) fn key(&self) -> TokenStream {
        let (krate, writes) = (&self.options.krate.0, self.template.writes(&self.options.krate.0));
        code!({
            let mut __text = #krate::__private::Text::new();
            #writes
            __text
        })
    }

    /// What is said about values: about time, and about the size of native ones.
    pub(crate) fn said(&self) -> TokenStream {
        let (policy, size) = (self.policy(), self.options.size.as_ref());
        if !self.options.native.is_present() {
            return policy;
        }
        let size = size.map_or_else(
            || code!(::core::option::Option::None),
            |size| code!(::core::option::Option::Some(#size)),
        );
        code!((#policy, #size))
    }

    /// What is said about time, as a `LoadPolicy`.
    pub(crate) fn policy(&self) -> TokenStream {
        let krate = &self.options.krate.0;
        let options = &self.options;
        let said =
            [("ttl", &options.ttl), ("stale", &options.stale), ("soft_timeout", &options.soft_timeout)];
        let said = said.iter().filter_map(|(word, span)| {
            let (word, tokens) = (Ident::new(word, Span::mixed_site()), &span.as_ref()?.tokens);
            Some(code!(.#word(#tokens)))
        });
        let none = self.options.none.as_ref().map(|none| none.tokens.clone());
        let none = none.unwrap_or_else(|| code!(::core::time::Duration::ZERO));
        code!(#krate::LoadPolicy::new()#(#said)*.not_found_ttl(#none))
    }

    /// A check that the function can return nothing, if it says how long that is remembered.
    fn can_be_none(&self) -> Option<TokenStream> {
        let (krate, span) = (&self.options.krate.0, self.options.none.as_ref()?.span);
        let outcome = Ident::new("__outcome", Span::mixed_site().located_at(span));
        Some(quote_spanned!(span=> #krate::__private::is_optional(#outcome.value().absence());))
    }
}
