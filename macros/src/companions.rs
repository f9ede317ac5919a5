//! What stands beside a cached function: its body alone, its key, and how to prime it.
//!
//! Owns: which arguments and attributes each of them takes over. Never: asks the cache for a value.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::{Attribute, FnArg, Ident, ItemFn, Meta, Result};

use crate::cached::Writer;
use crate::neighbours::{Neighbours, Taken};
use crate::options::Companions;
use crate::signature::{mentions, needed};
use crate::template::Template;

impl Writer {
    /// All that is written: the function, and what stands next to it.
    ///
    /// A companion whose name is taken in the same module, block or type is left to the host. Nothing depends
    /// on it: the body then becomes a function of another name.
    pub(crate) fn write(mut self) -> Result<TokenStream> {
        let Companions::Chosen { key, prime, uncached } = self.options.companions else {
            return self.front();
        };
        let neighbours = Neighbours::of(&self.function.item.sig.ident);
        let taken = |name: &str, wanted: bool| {
            if wanted { neighbours.take(&self.companion(name)) } else { Taken::Yes }
        };
        let [key, prime, uncached] = [("key", key), ("prime", prime), ("uncached", uncached)]
            .map(|(name, wanted)| taken(name, wanted));
        let companion = self.companion("uncached");
        // An argument of that name hides the function where it is called.
        let is_argument = self.function.args.iter().flat_map(|arg| &arg.bound).any(|name| *name == companion);
        let mut bodies = unless(&uncached, || self.body_function(&companion, true));
        let body = if matches!(uncached, Taken::No) && !is_argument {
            companion
        } else {
            let hidden = format_ident!("__{}_body", self.function.item.sig.ident);
            bodies.extend(self.body_function(&hidden, false));
            hidden
        };
        self.body = Some(body);
        let front = self.front()?;
        let key = unless(&key, || self.key_companion());
        let prime = unless(&prime, || self.prime_companion());
        Ok(quote!(#front #bodies #key #prime))
    }

    pub(crate) fn companion(&self, suffix: &str) -> Ident {
        format_ident!("{}_{suffix}", self.function.item.sig.ident)
    }

    /// The function without a cache, `shown` to callers as a companion or not.
    fn body_function(&self, name: &Ident, shown: bool) -> TokenStream {
        let ItemFn { attrs, vis, sig, block, .. } = &self.function.item;
        let attrs = attrs.iter().filter(|attribute| is_for_body(attribute));
        let (cached, returned) = (&sig.ident, &self.returned.body);
        let doc = format!("[`{cached}`](Self::{cached}) past the cache: runs its body, and stores nothing.");
        let doc = if self.function.receiver().is_some() { doc } else { doc.replace("(Self::", "(").clone() };
        let (doc, vis) =
            if shown { (quote!(#[doc = #doc]), quote!(#vis)) } else { (quote!(#[doc(hidden)]), quote!()) };
        let mut sig = sig.clone();
        sig.ident = name.clone();
        sig.output = syn::parse_quote!(-> #returned);
        let (used, statements) = (self.used(), &block.stmts);
        code! {
            #doc
            #(#attrs)*
            #[allow(dead_code)]
            #vis #sig {
                #used
                #(#statements)*
            }
        }
    }

    /// Inputs of a companion: those that `needs` says, under their own patterns.
    fn inputs(&self, needs: impl Fn(&Ident) -> bool) -> Vec<TokenStream> {
        let mut args = self.function.args.iter();
        let this = Ident::new("self", proc_macro2::Span::call_site());
        (self.function.item.sig.inputs.iter())
            .filter(|input| match input {
                FnArg::Receiver(_) => needs(&this),
                FnArg::Typed(_) => args.next().is_some_and(|arg| arg.bound.iter().any(&needs)),
            })
            .map(|input| match input {
                FnArg::Receiver(receiver) => {
                    let mut receiver = receiver.clone();
                    receiver.mutability = None;
                    receiver.to_token_stream()
                }
                FnArg::Typed(typed) => {
                    let mut typed = typed.clone();
                    if let syn::Pat::Ident(plain) = &mut *typed.pat {
                        plain.mutability = None;
                    }
                    typed.to_token_stream()
                }
            })
            .collect()
    }

    /// The key of a call.
    pub(crate) fn key_companion(&self) -> TokenStream {
        let (krate, vis, sig) = (&self.options.krate.0, &self.function.item.vis, &self.function.item.sig);
        let (name, key) = (self.companion("key"), self.key());
        let both = self.for_both();
        let inputs = self.inputs(|ident| self.template.roots().any(|root| root == ident));
        let generics = needed(&sig.generics, &quote!(#(#inputs),*));
        let clause = &generics.where_clause;
        let doc =
            format!("The key under which `{}` keeps its value. Errors: `InvalidKey`, `Encode`.", sig.ident);
        code! {
            #[doc = #doc]
            #(#both)*
            #[allow(dead_code, unused_variables, clippy::needless_pass_by_value, clippy::trivially_copy_pass_by_ref)]
            #vis fn #name #generics (#(#inputs),*) -> #krate::Result<#krate::Key> #clause {
                #[allow(unused_imports)]
                use #krate::__private::SerializedHole as _;
                #key.key()
            }
        }
    }

    /// Stores a value.
    pub(crate) fn prime_companion(&self) -> TokenStream {
        let (krate, vis, sig) = (&self.options.krate.0, &self.function.item.vis, &self.function.item.sig);
        let (name, key, source) = (self.companion("prime"), self.key(), &self.source);
        let native = self.options.native.is_present();
        let shown = if native { code!(&**value) } else { code!(value) };
        let (policy, tags) = (self.said(), self.primed_tags(&shown));
        let both = self.for_both();
        let inputs = self.inputs(|ident| self.is_named(ident) || mentions(source.clone(), ident));
        let value = &self.returned.primed;
        let (value, prime) = if native {
            (code!(::std::sync::Arc<#value>), code!(prime_native))
        } else {
            (code!(#value), code!(prime))
        };
        let generics = needed(&sig.generics, &quote!(#(#inputs),* #value));
        let clause = &generics.where_clause;
        let doc = format!(
            "Stores `value` as what `{}` returns from now on: right after it was written to the source. Nothing is stored \
             when there is no cache. Errors: as for `Cache::set`.",
            sig.ident
        );
        code! {
            #[doc = #doc]
            #(#both)*
            #[allow(dead_code, unused_variables, clippy::too_many_arguments)] // one more than the function
            #vis async fn #name #generics (#(#inputs,)* value: &#value) -> #krate::Result<#krate::message::Stored>
            #clause
            {
                #[allow(unused_imports)]
                use #krate::__private::{
                    LayersProbe as _, NoCache as _, OuterProbe as _, PlainProbe as _, SerializedHole as _,
                };
                let __key = #key.finish();
                let __source = &(#source);
                let __tags = #tags;
                #krate::__private::#prime(#krate::__private::cache_of(__source), __key, #policy, __tags, value).await
            }
        }
    }

    /// Attributes that belong to a companion as well: `cfg`, and lints of code that the host wrote into the
    /// attribute.
    fn for_both(&self) -> impl Iterator<Item = TokenStream> {
        self.function.item.attrs.iter().filter(|attribute| is_for_both(attribute)).map(softened)
    }

    /// Whether key or tags are made of it.
    fn is_named(&self, ident: &Ident) -> bool {
        self.tags.iter().chain([&self.template]).flat_map(Template::roots).any(|root| root == ident)
    }

    /// Says of what the key and the cache are made of that it is used, though the body may not.
    pub(crate) fn used(&self) -> TokenStream {
        let bound = self.function.args.iter().flat_map(|arg| &arg.bound);
        let used = bound.filter(|name| self.is_named(name) || mentions(self.source.clone(), name));
        code!(#(let _ = &#used;)*)
    }
}

/// What is written where a name is free, or where the host's own function of that name is not compiled.
fn unless(taken: &Taken, write: impl FnOnce() -> TokenStream) -> TokenStream {
    match taken {
        Taken::No => write(),
        Taken::If(condition) => {
            let written = write();
            quote!(#[cfg(not(#condition))] #written)
        }
        Taken::Yes => TokenStream::new(),
    }
}

/// `attribute` for code that need not have what it expects: the body has it.
pub(crate) fn softened(attribute: &Attribute) -> TokenStream {
    match &attribute.meta {
        Meta::List(list) if list.path.is_ident("expect") => {
            let lints = &list.tokens;
            quote!(#[allow(#lints)])
        }
        _ => attribute.to_token_stream(),
    }
}

/// Attributes that say something to callers, and to the compiler about all of it.
pub(crate) fn is_for_callers(attribute: &Attribute) -> bool {
    const THEIRS: [&str; 3] = ["doc", "must_use", "deprecated"];
    THEIRS.iter().any(|name| attribute.path().is_ident(name)) || is_for_both(attribute)
}

fn is_for_both(attribute: &Attribute) -> bool {
    const BOTH: [&str; 6] = ["cfg", "allow", "warn", "deny", "forbid", "expect"];
    BOTH.iter().any(|name| attribute.path().is_ident(name))
}

/// All others wrap the body, as they do when they stand above `#[cached]`.
fn is_for_body(attribute: &Attribute) -> bool {
    !is_for_callers(attribute) || is_for_both(attribute)
}
