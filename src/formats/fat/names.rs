//! The names of files by their directories, each file by both of its names.

use std::cmp::Ordering;

use super::node::Node;

/// The names, in the order of their directories and of their letters in lower case.
#[derive(Default)]
pub(super) struct Names(Vec<Name>);

/// A name: that of a node by its number, and which of the two it is.
struct Name {
    node: usize,
    is_short: bool,
}

impl Name {
    fn place<'n>(&self, nodes: &'n [Node]) -> Option<(Option<usize>, &'n str)> {
        let Node { entry, parent } = nodes.get(self.node)?;
        let name = if self.is_short { &entry.short_name } else { &entry.name };
        Some((*parent, name))
    }
}

impl Names {
    pub(super) fn sorted(nodes: &[Node]) -> Self {
        let mut names = Vec::with_capacity(nodes.len());
        for (node, Node { entry, .. }) in nodes.iter().enumerate() {
            names.push(Name { node, is_short: false });
            if compare(&entry.name, &entry.short_name).is_ne() {
                names.push(Name { node, is_short: true });
            }
        }
        names.sort_by(|one, other| ordered(one.place(nodes), other.place(nodes)).then(one.node.cmp(&other.node)));
        Self(names)
    }

    /// The numbers of the nodes with this name in a directory, in letters of any case; it is in the order of the directory.
    pub(super) fn find<'n>(
        &'n self,
        nodes: &'n [Node],
        directory: Option<usize>,
        name: &'n str,
    ) -> impl Iterator<Item = usize> + 'n {
        let order = move |found: &Name| ordered(found.place(nodes), Some((directory, name)));
        let first = self.0.partition_point(|found| order(found).is_lt());
        let from_it = self.0.iter().skip(first);
        from_it
            .take_while(move |found| order(found).is_eq())
            .map(|found| found.node)
    }
}

fn ordered(one: Option<(Option<usize>, &str)>, other: Option<(Option<usize>, &str)>) -> Ordering {
    match (one, other) {
        (Some((above, name)), Some((other_above, other))) => above.cmp(&other_above).then_with(|| compare(name, other)),
        (one, other) => one.is_some().cmp(&other.is_some()),
    }
}

/// True if two names are one to the firmware.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    compare(one, other).is_eq()
}

fn compare(one: &str, other: &str) -> Ordering {
    let one = one.chars().flat_map(char::to_lowercase);
    one.cmp(other.chars().flat_map(char::to_lowercase))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_alike_in_any_case() {
        for (one, other, order) in [
            ("EFI", "efi", Ordering::Equal),
            ("GR\u{dc}B", "gr\u{fc}b", Ordering::Equal),
            ("a", "B", Ordering::Less),
            ("\u{e9}", "z", Ordering::Greater),
            ("b", "A\u{e9}", Ordering::Greater),
        ] {
            assert_eq!(compare(one, other), order, "{one} {other}");
            assert_eq!(compare(other, one), order.reverse(), "{other} {one}");
        }
    }
}
