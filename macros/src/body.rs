//! The body of a cached function, begun with arguments that it can keep.
//!
//! Owns: how arguments get into a load, and what runs there. Never: decides whether there is a load.

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote_spanned};
use syn::spanned::Spanned;
use syn::{FnArg, Ident, PatType, Result};

use crate::cached::Writer;
use crate::signature::{Lent, self_is_borrowed};

impl Writer {
    /// A closure that begins the body with clones of all arguments.
    pub(crate) fn make_kept(&self) -> Result<TokenStream> {
        let krate = &self.options.krate.0;
        let (mut keeps, mut lends, mut passed) = (Vec::new(), Vec::new(), Vec::new());
        if let Some(receiver) = self.function.receiver() {
            let (this, borrowed) = (receiver.self_token, self_is_borrowed(receiver)?);
            let lent = if borrowed { code!(#this) } else { code!(&#this) };
            let kept = quote_spanned!(this.span=> #krate::__private::keep(#lent));
            keeps.push(code!(let __this = #kept;));
            lends.push(if borrowed { code!(let __this = &__this;) } else { code!() });
            passed.push(code!(__this));
        }
        for arg in &self.function.args {
            let (name, span) = (&arg.name, arg.ty.span());
            let keep = match arg.lent()? {
                Lent::Owned => quote_spanned!(span=> #krate::__private::keep(&#name)),
                Lent::Borrowed => quote_spanned!(span=> #krate::__private::keep_borrowed(#name)),
                Lent::BorrowedOption => {
                    let borrowed = code!(__borrowed);
                    quote_spanned!(span=> #name.map(|#borrowed| #krate::__private::keep_borrowed(#borrowed)))
                }
            };
            keeps.push(code!(let #name = #keep;));
            lends.push(match arg.lent()? {
                Lent::Owned => code!(),
                Lent::Borrowed => code!(let #name = #name.lend();),
                Lent::BorrowedOption => code!(let #name = #name.as_ref().map(|__kept| __kept.lend());),
            });
            passed.push(name.to_token_stream());
        }
        let body = self.run_body(&passed);
        Ok(code!(|| {
            #(#keeps)*
            async move {
                #(#lends)*
                #body
            }
        }))
    }

    /// A closure that begins the body with the arguments as they are.
    pub(crate) fn make_lent(&self) -> TokenStream {
        let this = self.function.receiver().map(|receiver| receiver.self_token.to_token_stream());
        let names = self.function.args.iter().map(|arg| arg.name.to_token_stream());
        if self.body.is_some() {
            let passed: Vec<_> = this.into_iter().chain(names).collect();
            let body = self.run_body(&passed);
            return code!(move || async move { #body });
        }
        let body = self.run_body(&[]);
        let this = this.map(|this| code!(let __this = #this;));
        code!(move || async move {
            #this
            #body
        })
    }

    /// What runs the body: a call of the function that it has become, or the body itself.
    fn run_body(&self, passed: &[TokenStream]) -> TokenStream {
        let sig = &self.function.item.sig;
        if let Some(function) = &self.body {
            let generics: Vec<_> = (sig.generics.params.iter())
                .filter_map(|param| match param {
                    syn::GenericParam::Type(ty) => Some(&ty.ident),
                    syn::GenericParam::Const(number) => Some(&number.ident),
                    syn::GenericParam::Lifetime(_) => None,
                })
                .collect();
            let turbofish = if generics.is_empty() { code!() } else { code!(::<#(#generics),*>) };
            let path =
                if self.function.receiver().is_some() { code!(Self::#function) } else { code!(#function) };
            return code!(#path #turbofish(#(#passed),*).await);
        }
        let (returned, statements) = (&self.returned.body, &self.function.item.block.stmts);
        let patterns = (sig.inputs.iter())
            .filter_map(|input| if let FnArg::Typed(typed) = input { Some(typed) } else { None })
            .zip(&self.function.args)
            .map(|(PatType { pat, .. }, arg)| {
                let name = &arg.name;
                code!(let #pat = #name;)
            });
        let (used, statements) = (self.used(), without_self(code!(#(#statements)*)));
        code! {
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
                TokenTree::Ident(Ident::new("__this", Span::mixed_site().located_at(ident.span())))
            }
            other => other,
        };
        out.extend([token]);
    }
    out
}
