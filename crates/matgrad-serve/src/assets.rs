//! The files of the page, part of the program.

/// A file of the page with its media type.
pub(crate) struct Asset {
    pub kind: &'static str,
    pub bytes: &'static [u8],
}

macro_rules! assets {
    ($($path:literal => $file:literal, $kind:literal;)*) => {
        /// The file at a path.
        pub(crate) fn find(path: &str) -> Option<Asset> {
            match path {
                $($path => Some(Asset { kind: $kind, bytes: include_bytes!(concat!("../assets/", $file)) }),)*
                _ => None,
            }
        }
    };
}

assets! {
    "/" => "index.html", "text/html; charset=utf-8";
    "/page.css" => "page.css", "text/css; charset=utf-8";
    "/page.js" => "page.js", "text/javascript; charset=utf-8";
    "/words.js" => "words.js", "text/javascript; charset=utf-8";
    "/pictures.js" => "pictures.js", "text/javascript; charset=utf-8";
    "/icon.svg" => "icon.svg", "image/svg+xml";
    "/stix-two-math.woff2" => "stix-two-math.woff2", "font/woff2";
    "/stix-two-math.LICENSE" => "stix-two-math.LICENSE", "text/plain; charset=utf-8";
    "/api/v1/examples" => "examples.json", "application/json";
    "/api/v1/openapi.json" => "openapi.json", "application/json";
}
