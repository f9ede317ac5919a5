//! How a cached function's value gets its tags: from templates over the arguments, and from functions of the
//! value.
//!
//! Owns: the expressions for them. Never: reads a value; what is written calls the host's functions when
//! there is one.

use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::spanned::Spanned;

use crate::cached::Writer;

impl Writer {
    /// An expression: the tags that templates make, or why they make none.
    fn fixed(&self) -> TokenStream {
        let krate = &self.options.krate.0;
        if self.tags.is_empty() {
            return code!(#krate::Result::Ok(#krate::Tags::NONE));
        }
        let tags = self.tags.iter().map(|tag| tag.tag(krate));
        code!((|| #krate::Result::Ok(#krate::Tags::new([#(#tags?),*])))())
    }

    /// A closure that adds the tags which functions find in a value. It takes no argument of the cached
    /// function along: a load has its own value, and may be another caller's.
    fn find(&self) -> TokenStream {
        let (krate, functions) = (&self.options.krate.0, &self.options.tags.of_value);
        let (value, tags) = (code!(__value), code!(__tags));
        let finds = functions.iter().map(|function| {
            // What it returns is complained of at its place.
            quote_spanned!(function.span()=> #krate::__private::tags_of(#value, #tags, #function)?;)
        });
        code!(|__value, __tags| {
            #(#finds)*
            ::core::result::Result::Ok(())
        })
    }

    /// An expression: how values are tagged. Where functions do that it needs
    /// `__outcome`.
    pub(crate) fn tagging(&self) -> TokenStream {
        let (krate, fixed) = (&self.options.krate.0, self.fixed());
        if self.options.tags.of_value.is_empty() {
            return code!(#krate::__private::Tagging::fixed(#fixed));
        }
        let find = self.find();
        code! {
            #krate::__private::Tagging::fixed(#fixed).of_value(__outcome.value().outer_layer().layers(), #find)
        }
    }

    /// An expression: the tags of the primed `value`, or why it has none.
    pub(crate) fn primed_tags(&self, value: &TokenStream) -> TokenStream {
        let (krate, fixed, primed) = (&self.options.krate.0, self.fixed(), &self.returned.primed);
        if self.options.tags.of_value.is_empty() {
            return fixed;
        }
        if self.returned.in_arc {
            // Which may be a `str` or a slice; nothing else can be around it.
            let find = self.find();
            return code!(#krate::__private::tags_with(#fixed, #value, #find));
        }
        let tagging = self.tagging();
        code!({
            let __outcome = #krate::__private::Probe::<#primed>::new().outcome();
            #tagging.of_returned(__outcome, #value)
        })
    }
}
