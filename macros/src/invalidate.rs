//! `#[cache_invalidate]`: the function, and after it what it made untrue is taken out of the cache.
//!
//! Owns: the code that is written. Never: decides at run time; the calls of `apex_cache::__private` do.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{Error, ItemFn, LitStr, Result, Type};

use crate::options::{self, On, Source};
use crate::signature::{Function, mentions_impl};
use crate::template::{Template, Use};

pub(crate) fn expand(options: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let function = Function::parse("cache_invalidate", item)?;
    let (texts, options) = options::invalidate(options)?;
    if texts.is_empty() && options.tags.0.is_empty() {
        let message = "`#[cache_invalidate]` needs what it takes away, as in `#[cache_invalidate(\"user::{user_id}::*\")]`; \
                       several templates stand one after another, and `tags = [..]` takes tags";
        return Err(Error::new(Span::call_site(), message));
    }
    let names = function.names();
    let templates: Vec<(LitStr, Template)> = texts
        .into_iter()
        .map(|text| Template::parse(&text, Use::Scope, &names).map(|template| (text, template)))
        .collect::<Result<_>>()?;
    let tags: Vec<Template> =
        options.tags.0.iter().map(|tag| Template::parse(tag, Use::Tag, &names)).collect::<Result<_>>()?;
    let krate = &options.krate.0;
    let source = function.source("cache_invalidate", options.cache.as_ref())?;
    let hashed_ids: Vec<Template> =
        templates.iter().filter_map(|(_, template)| template.of_hashed_ids()).collect();
    let scopes = templates.iter().map(|(_, template)| template).chain(&hashed_ids).map(|template| {
        let (writes, wider) = (template.writes(krate), template.first_segment());
        quote!({
            let mut __text = #krate::__private::Text::new();
            #writes
            __text.scope(#wider)
        })
    });
    let tags = tags.iter().map(|tag| tag.tag_scope(krate));
    let (begin, wait) =
        if options.fence { (quote!(fenced), quote!(.await)) } else { (quote!(new), quote!()) };
    let wanted = match options.on {
        On::Always => quote!(true),
        On::Ok => quote!(#krate::__private::Success(&__result).succeeded()),
    };
    let report = options.report.as_ref().map(|Source(report)| {
        quote! {
            if let ::core::option::Option::Some(__taken) = &__taken {
                (#report)(__taken);
            }
        }
    });
    let told = told(&function.returns());
    let ItemFn { attrs, vis, sig, block, .. } = &function.item;
    let statements = &block.stmts;
    Ok(quote! {
        #(#attrs)*
        #vis #sig {
            #[allow(unused_imports)]
            use #krate::__private::{NoCache as _, PlainSuccess as _, SerializedHole as _};
            // Made first: the body may take the arguments. Dropped unfinished, it invalidates.
            let __invalidation = {
                let __source = &(#source);
                #krate::__private::Invalidation::#begin(
                    #krate::__private::cache_of(__source),
                    ::std::vec![#(#scopes,)* #(#tags),*],
                )
                #wait
            };
            let __result = async move {
                #told
                #(#statements)*
            }
            .await;
            let __taken = __invalidation.finish(#wanted).await;
            #report
            __result
        }
    })
}

/// Tells the type of the block that the body becomes, which `?` could not find out. A type without a name cannot be told;
/// then the body has to say by itself what it returns.
fn told(returns: &Type) -> Option<TokenStream> {
    (!mentions_impl(returns)).then(|| {
        quote! {
            #[allow(unreachable_code, clippy::diverging_sub_expression)]
            if false {
                let __returned: #returns = loop {};
                return __returned;
            }
        }
    })
}
