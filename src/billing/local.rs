//! The built-in provider: test cards, and what becomes of a payment with each. No money moves.

/// A test card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Card {
    /// Every payment succeeds.
    Succeeds,
    /// Every payment is declined.
    Declines,
    /// The first payment succeeds, the following ones are declined.
    DeclinesLater,
}

impl Card {
    /// All of them, with the numbers people know from payment providers' documentation.
    pub const ALL: [Self; 3] = [Self::Succeeds, Self::Declines, Self::DeclinesLater];

    /// The number on it.
    #[must_use]
    pub const fn number(self) -> &'static str {
        match self {
            Self::Succeeds => "4242 4242 4242 4242",
            Self::Declines => "4000 0000 0000 0002",
            Self::DeclinesLater => "4000 0000 0000 0341",
        }
    }

    /// What it does.
    #[must_use]
    pub const fn effect(self) -> &'static str {
        match self {
            Self::Succeeds => "every payment succeeds",
            Self::Declines => "every payment is declined",
            Self::DeclinesLater => "this payment succeeds, renewals are declined",
        }
    }

    /// The name in the database: the last four digits.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Succeeds => "4242",
            Self::Declines => "0002",
            Self::DeclinesLater => "0341",
        }
    }

    /// Reads a number as people type it. A card that is none of the test cards is none at all: nobody is to
    /// type a real one here.
    #[must_use]
    pub fn typed(text: &str) -> Option<Self> {
        let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
        Self::ALL.into_iter().find(|card| card.number().replace(' ', "") == digits)
    }

    /// Reads the database's text.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|card| card.name() == name)
    }

    /// Whether a payment succeeds with it; the first is made by its holder at the checkout.
    #[must_use]
    pub const fn pays(self, first: bool) -> bool {
        match self {
            Self::Succeeds => true,
            Self::Declines => false,
            Self::DeclinesLater => first,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_test_cards_are_cards() {
        assert_eq!(Card::typed("4242 4242 4242 4242"), Some(Card::Succeeds));
        assert_eq!(Card::typed("4000-0000-0000-0341"), Some(Card::DeclinesLater));
        for none in ["", "4242", "4111 1111 1111 1111", "4242 4242 4242 4242 1", "4242/4242/4242/4242"] {
            assert_eq!(Card::typed(none), None, "{none:?}");
        }
        for card in Card::ALL {
            assert_eq!((Card::typed(card.number()), Card::from_name(card.name())), (Some(card), Some(card)));
            assert!(card.number().ends_with(card.name()));
        }
        assert!(Card::DeclinesLater.pays(true) && !Card::DeclinesLater.pays(false) && !Card::Declines.pays(true));
    }
}
