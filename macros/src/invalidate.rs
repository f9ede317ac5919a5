//! `#[cache_invalidate]`: the function, and after it what it made untrue is taken out of the cache.
//!
//! Owns: the code that is written. Never: decides at run time; the calls of `apex_cache::__private` do.

use proc_macro2::{Span, TokenStream};
use syn::{Error, ItemFn, LitStr, Result, Type};

use crate::options::{self, Invalidate, On, Source};
use crate::signature::{Function, mentions_impl};
use crate::template::{Template, Use};

pub(crate) fn expand(options: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let function = Function::parse("cache_invalidate", item)?;
    let (texts, options) = options::invalidate(options)?;
    if texts.is_empty() && options.tags.templates.is_empty() && options.after.0.is_empty() {
        let message = "`#[cache_invalidate]` needs what it takes away, as in `#[cache_invalidate(\"user::{user_id}::*\")]`; \
                       several templates stand one after another, and `tags = [..]` takes tags";
        return Err(Error::new(Span::call_site(), message));
    }
    let scopes = scopes(&texts, &options, &function)?;
    let After { kept, begin: fence_after, found } = After::of(&options, &function)?;
    let krate = &options.krate.0;
    let source = function.source("cache_invalidate", options.cache.as_ref())?;
    let (begin, wait) = if options.fence { (code!(fenced), code!(.await)) } else { (code!(new), code!()) };
    let wanted = match options.on {
        On::Always => code!(true),
        On::Ok => code!(#krate::__private::Success(&__result).succeeded()),
    };
    let report = options.report.as_ref().map(|Source(report)| {
        code! {
            if let ::core::option::Option::Some(__taken) = &__taken {
                (#report)(__taken);
            }
        }
    });
    let told = told(&function.returns());
    let ItemFn { attrs, vis, sig, block, .. } = &function.item;
    let statements = &block.stmts;
    Ok(code! {
        #(#attrs)*
        #vis #sig {
            #[allow(unused_imports)]
            use #krate::__private::{NoCache as _, PlainSuccess as _, SerializedHole as _};
            // Made first: the body may take the arguments. Dropped unfinished, it invalidates.
            let __invalidation = {
                let __source = &(#source);
                #krate::__private::Invalidation::#begin(
                    #krate::__private::cache_of(__source),
                    ::std::vec![#(#scopes),*],
                )
                #wait
            };
            #kept
            #fence_after
            let __result = async move {
                #told
                #(#statements)*
            }
            .await;
            let __taken = __invalidation.finish(#wanted, #found).await;
            #report
            __result
        }
    })
}

/// Expressions of what is known before the body runs: the scopes of templates and of tags.
fn scopes(texts: &[LitStr], options: &Invalidate, function: &Function) -> Result<Vec<TokenStream>> {
    let (krate, names) = (&options.krate.0, function.names());
    let mut scopes = Vec::new();
    for text in texts {
        scopes.extend(scopes_of(&Template::parse(text, Use::Scope, &names)?, text, krate));
    }
    for tag in &options.tags.templates {
        scopes.push(Template::parse(tag, Use::Tag, &names)?.tag_scope(tag, krate));
    }
    Ok(scopes)
}

/// Expressions that are the scopes of `template`, which is written as `text`: of what it says, and of ids that it cannot
/// look into.
fn scopes_of(template: &Template, text: &LitStr, krate: &TokenStream) -> Vec<TokenStream> {
    let hashed_ids = template.of_hashed_ids();
    let wider = template.literal_first_segment().unwrap_or_default();
    let scope = |template: &Template| {
        let writes = template.writes(krate);
        code!({
            let mut __text = #krate::__private::Text::new();
            #writes
            __text.scope(#wider, #text)
        })
    };
    [template].into_iter().chain(&hashed_ids).map(scope).collect()
}

/// What is written for templates over what the body returned.
struct After {
    /// Statements that keep the arguments they name, for the body may take them.
    kept: TokenStream,
    /// A statement that fences their first segments.
    begin: Option<TokenStream>,
    /// An expression: their scopes, if the body returned a value.
    found: TokenStream,
}

impl After {
    fn of(options: &Invalidate, function: &Function) -> Result<Self> {
        let (krate, names) = (&options.krate.0, function.names().with_returned());
        if options.after.0.is_empty() {
            return Ok(Self { kept: code!(), begin: None, found: code!(::core::option::Option::None) });
        }
        let (mut kept, mut scopes, mut firsts) = (code!(), Vec::new(), Vec::new());
        for text in &options.after.0 {
            let mut template = Template::parse(text, Use::Scope, &names)?;
            let Some(first) = template.literal_first_segment() else {
                let message = "the first segment of an `after` template stands in it as it is, as `issue` does in \
                               `\"issue::{ret.id}::*\"`: it is fenced before the body runs, when nothing else is known";
                return Err(Error::new(text.span(), message));
            };
            if !firsts.contains(&first) {
                firsts.push(first);
            }
            kept.extend(template.keep_arguments(krate, scopes.len()));
            scopes.extend(scopes_of(&template, text, krate));
        }
        let begin = code!(let __invalidation = __invalidation.fenced_after(&[#(#firsts),*]).await;);
        let found = code! {
            match #krate::__private::Success(&__result).value() {
                ::core::option::Option::Some(ret) => {
                    let _ = ret;
                    ::core::option::Option::Some(::std::vec![#(#scopes),*])
                }
                ::core::option::Option::None => ::core::option::Option::None,
            }
        };
        Ok(Self { kept, begin: Some(begin), found })
    }
}

/// Tells the type of the block that the body becomes, which `?` could not find out. A type without a name cannot be told;
/// then the body has to say by itself what it returns.
fn told(returns: &Type) -> Option<TokenStream> {
    (!mentions_impl(returns)).then(|| {
        code! {
            #[allow(unreachable_code, clippy::diverging_sub_expression)]
            if false {
                let __returned: #returns = loop {};
                return __returned;
            }
        }
    })
}
