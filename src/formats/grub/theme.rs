//! The files that a theme of GRUB's graphical menu names (GRUB manual, "Theme file format").

/// Images that GRUB reads.
const IMAGES: [&str; 4] = [".png", ".jpg", ".jpeg", ".tga"];
/// The parts of a box whose images stand in for `*`.
const SLICES: [&str; 9] = ["c", "n", "ne", "e", "se", "s", "sw", "w", "nw"];

/// The images that a `theme.txt` names, in paths from its directory or from `/`, each once. A property whose value is
/// an image's name is taken for one, whatever it is called: components may bring properties of their own.
#[must_use]
pub fn images(theme: &str) -> Vec<String> {
    let mut images: Vec<String> = Vec::new();
    for line in theme.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        let Some((_, value)) = line.split_once([':', '=']) else {
            continue;
        };
        let value = value.trim().trim_matches('"');
        let lower = value.to_ascii_lowercase();
        if !IMAGES.iter().any(|ending| lower.ends_with(ending)) {
            continue;
        }
        let names = match value.split_once('*') {
            Some((before, after)) => SLICES.iter().map(|slice| format!("{before}{slice}{after}")).collect(),
            None => vec![value.to_owned()],
        };
        for name in names {
            if !images.contains(&name) {
                images.push(name);
            }
        }
    }
    images
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_found_whatever_names_them() {
        let theme = "# desktop-image: \"no.png\"\ndesktop-image: \"a/star.png\"\ntitle-text: \"x\"\n+ boot_menu {\n  \
                     menu_pixmap_style = \"menu_*.png\"\n  icon_width = 25\n}\n+ image { file = \"/x.TGA\"\n}\nfile=a/star.png\n";
        let found = images(theme);
        assert_eq!(found.len(), 1 + SLICES.len() + 1, "{found:?}");
        assert!(found.contains(&"menu_ne.png".to_owned()) && found.contains(&"a/star.png".to_owned()));
    }
}
