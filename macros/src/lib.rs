//! The attributes `#[cached]` and `#[cache_invalidate]` of `apex-cache`; use them as `apex_cache::cached` and
//! `apex_cache::cache_invalidate`.
#![forbid(unsafe_code)]

use proc_macro::TokenStream;

mod cached;
mod invalidate;
mod options;
mod signature;
mod template;

#[allow(missing_docs)]
#[proc_macro_attribute]
pub fn cached(options: TokenStream, item: TokenStream) -> TokenStream {
    cached::expand(options.into(), item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}

#[allow(missing_docs)]
#[proc_macro_attribute]
pub fn cache_invalidate(options: TokenStream, item: TokenStream) -> TokenStream {
    invalidate::expand(options.into(), item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}
