//! Marks as rows of characters: real fractions, matrices and sums for a terminal.

use std::borrow::Cow;

use super::mark::{Group, Mark, Sign};

/// Formulas with more rows or columns than this are no help to a reader.
const MOST_ROWS: usize = 40;
const MOST_COLUMNS: usize = 4000;

/// Rows of characters of one width; one of them is on the line.
#[derive(Clone, Debug, Default)]
struct Block {
    rows: Vec<Vec<char>>,
    base: usize,
}

/// A block with its scripts, and whether a line may end before it.
#[derive(Clone, Debug, Default)]
struct Item {
    block: Block,
    below: Option<Block>,
    above: Option<Block>,
    /// Scripts go under and over it.
    limits: bool,
    breaks: bool,
}

/// What is open: rows of cells, the last of which grows.
struct Frame {
    group: Option<Group>,
    cells: Vec<Vec<Vec<Item>>>,
}

/// The formula as lines no wider than `width` where sums can be broken; `None` where it is too large.
pub(super) fn write(marks: &[Mark], width: usize) -> Option<Vec<String>> {
    let mut frames = vec![Frame::new(None)];
    for mark in marks {
        match mark {
            Mark::Letters(text, _, greek) => {
                let text = greek.map_or_else(|| text.clone(), |greek| Cow::Owned(greek.to_string()));
                push(&mut frames, &text, false, false);
            }
            Mark::Number(text) | Mark::Function(text) => push(&mut frames, text, false, false),
            Mark::Sign(sign) => {
                let text = plain(sign);
                let breaks = matches!(sign.latex, " + " | " - ");
                push(&mut frames, &text, sign.limits, breaks);
            }
            Mark::Primes(count) => push(&mut frames, &"′".repeat(*count), false, false),
            Mark::Open(group) => frames.push(Frame::new(Some(*group))),
            Mark::Over | Mark::Row => frames.last_mut()?.cells.push(vec![Vec::new()]),
            Mark::Cell => frames.last_mut()?.cells.last_mut()?.push(Vec::new()),
            Mark::Close(_) => {
                let frame = frames.pop()?;
                let group = frame.group?;
                let line = frames.last_mut()?.line()?;
                close(group, frame.cells, line)?;
            }
        }
    }
    let items = frames.pop().filter(|_| frames.is_empty())?.cells.pop()?.pop()?;
    lines(items, width)
}

impl Frame {
    fn new(group: Option<Group>) -> Self {
        Self { group, cells: vec![vec![Vec::new()]] }
    }

    fn line(&mut self) -> Option<&mut Vec<Item>> {
        self.cells.last_mut()?.last_mut()
    }
}

fn push(frames: &mut [Frame], text: &str, limits: bool, breaks: bool) {
    if let Some(line) = frames.last_mut().and_then(Frame::line).filter(|_| !text.is_empty()) {
        line.push(Item { block: Block::text(text), limits, breaks, ..Item::default() });
    }
}

/// A sign with the spaces that it has in LaTeX, in plain letters.
fn plain(sign: &Sign) -> String {
    match sign.latex {
        "" => return String::new(),
        " " => return if sign.mathml.is_empty() { String::new() } else { " ".into() },
        r"-\top" => return "-⊤".into(),
        r"\odot " => return "⊙".into(),
        _ => {}
    }
    let mut text = String::new();
    let mut rest = sign.mathml.replace("<mspace", " <mspace").replace("&#xa0;", " ").replace("&lt;", "<");
    if sign.mathml.starts_with("<msub>") {
        rest = rest.replacen("</mi><m", "</mi>_<m", 1);
    }
    let mut inside = false;
    for c in rest.replace("&gt;", ">\u{0}").chars() {
        match c {
            '<' if !text.is_empty() || sign.latex != " < " => inside = true,
            '>' if inside => inside = false,
            _ if inside => {}
            '\u{0}' => text.push('>'),
            c => text.push(upright(c)),
        }
    }
    let text = match sign.latex {
        " < " => "<".to_owned(),
        " > " => ">".to_owned(),
        _ => text.trim().to_owned(),
    };
    let (before, after) = (sign.latex.starts_with(' '), sign.latex.ends_with(' '));
    let wide = if sign.latex.contains(r"\quad") { "  " } else { "" };
    let space = |there: bool| if there { " " } else { "" };
    format!("{}{text}{}{wide}", space(before), space(after || sign.latex.contains(r"\,")))
}

/// A letter of the mathematical alphabets as terminals have it.
fn upright(c: char) -> char {
    match c {
        '𝐈' => 'I',
        '𝐞' => 'e',
        '𝐊' => 'K',
        '𝐃' => 'D',
        '𝐋' => 'L',
        '𝟏' => '1',
        '𝟎' => '0',
        '𝝀' => 'λ',
        '𝝈' => 'σ',
        '−' => '-',
        c => c,
    }
}

/// Puts a finished group on a line, or to what stands at its end.
fn close(group: Group, cells: Vec<Vec<Vec<Item>>>, line: &mut Vec<Item>) -> Option<()> {
    let mut blocks: Vec<Vec<Block>> =
        cells.into_iter().map(|row| row.into_iter().map(joined).collect::<Option<_>>()).collect::<Option<_>>()?;
    let first = |blocks: &mut Vec<Vec<Block>>| Some(std::mem::take(blocks.first_mut()?.first_mut()?));
    let block = match group {
        Group::Above | Group::Below => {
            let script = first(&mut blocks)?;
            // a script of nothing stands by itself
            if line.is_empty() {
                line.push(Item::default());
            }
            let last = line.last_mut()?;
            let place = if group == Group::Above { &mut last.above } else { &mut last.below };
            *place = Some(match place.take() {
                Some(before) => beside(vec![before, script])?,
                None => script,
            });
            return Some(());
        }
        Group::Brackets | Group::Round => enclosed(first(&mut blocks)?, ROUND),
        Group::Absolute => enclosed(first(&mut blocks)?, BARS),
        Group::Norm => enclosed(first(&mut blocks)?, NORM),
        Group::Fraction => {
            let under = std::mem::take(blocks.get_mut(1)?.first_mut()?);
            fraction(first(&mut blocks)?, under)
        }
        Group::Root => root(first(&mut blocks)?),
        Group::CubeRoot => beside(vec![Block::text("∛"), enclosed(first(&mut blocks)?, ROUND)])?,
        Group::Matrix => enclosed(grid(blocks, true)?, SQUARE),
        Group::Cases => {
            let inner = grid(blocks, false)?;
            let brace = brace(&inner);
            beside(vec![brace, Block::text(" "), inner])?
        }
    };
    line.push(Item { block, ..Item::default() });
    Some(())
}

impl Block {
    fn text(text: &str) -> Self {
        Self { rows: vec![text.chars().collect()], base: 0 }
    }

    fn width(&self) -> usize {
        self.rows.first().map_or(0, Vec::len)
    }

    fn below(&self) -> usize {
        self.rows.len().saturating_sub(self.base + 1)
    }

    /// The same in the middle, or at the left, of this many columns.
    fn padded(mut self, width: usize, middle: bool) -> Self {
        let gap = width.saturating_sub(self.width());
        let left = if middle { gap / 2 } else { 0 };
        for row in &mut self.rows {
            row.splice(0..0, std::iter::repeat_n(' ', left));
            row.extend(std::iter::repeat_n(' ', gap - left));
        }
        self
    }

    /// The only row.
    fn only(&self) -> Option<&[char]> {
        match self.rows.as_slice() {
            [row] => Some(row),
            _ => None,
        }
    }
}

/// Blocks side by side on one line; `None` where there is too much.
fn beside(blocks: Vec<Block>) -> Option<Block> {
    let base = blocks.iter().map(|block| block.base).max().unwrap_or(0);
    let below = blocks.iter().map(Block::below).max().unwrap_or(0);
    let width: usize = blocks.iter().map(Block::width).sum();
    if base + below >= MOST_ROWS || width > MOST_COLUMNS {
        return None;
    }
    let mut rows = vec![Vec::with_capacity(width); base + below + 1];
    for block in blocks {
        let start = base - block.base;
        for (at, row) in rows.iter_mut().enumerate() {
            match at.checked_sub(start).and_then(|at| block.rows.get(at)) {
                Some(own) => row.extend_from_slice(own),
                None => row.extend(std::iter::repeat_n(' ', block.width())),
            }
        }
    }
    Some(Block { rows, base })
}

/// Blocks one below the other; the row `base` of all is on the line.
fn stacked(blocks: Vec<Block>, base: usize, middle: bool) -> Block {
    let width = blocks.iter().map(Block::width).max().unwrap_or(0);
    let rows = blocks.into_iter().flat_map(|block| block.padded(width, middle).rows).collect();
    Block { rows, base }
}

fn joined(items: Vec<Item>) -> Option<Block> {
    beside(items.into_iter().map(scripted).collect::<Option<_>>()?)
}

/// An item with its scripts in place.
fn scripted(item: Item) -> Option<Block> {
    let Item { block, below, above, limits, .. } = item;
    if limits {
        let bare = above.is_none() && below.is_none();
        let height = above.as_ref().map_or(0, |above| above.rows.len());
        let base = height + block.base;
        let all = above.into_iter().chain([block]).chain(below).collect();
        let gap = if bare { "" } else { " " };
        return beside(vec![stacked(all, base, true), Block::text(gap)]);
    }
    let small = |script: &Option<Block>, letters: fn(char) -> Option<char>| -> Option<Option<Vec<char>>> {
        match script {
            None => Some(None),
            Some(script) => {
                let signs = script.only()?.iter().filter(|c| **c != ' ');
                signs.map(|c| letters(*c)).collect::<Option<_>>().map(Some)
            }
        }
    };
    // what has small letters stays in its row
    let (below, low) = match small(&below, lowered) {
        Some(low) => (None, low),
        None => (below, None),
    };
    let (above, high) = match small(&above, raised) {
        Some(high) => (None, high),
        None => (above, None),
    };
    let mut block = block;
    if low.is_some() || high.is_some() {
        let tall = block.rows.len() > 1;
        let (low, high) = (low.unwrap_or_default(), high.unwrap_or_default());
        let added = if tall { low.len().max(high.len()) } else { low.len() + high.len() };
        let (top, bottom) = (0, block.rows.len().saturating_sub(1));
        for (at, row) in block.rows.iter_mut().enumerate() {
            let width = row.len() + added;
            if at == bottom {
                row.extend_from_slice(&low);
            }
            if at == top {
                row.extend_from_slice(&high);
            }
            row.resize(width, ' ');
        }
    }
    if above.is_none() && below.is_none() {
        return Some(block);
    }
    let width = above.iter().chain(&below).map(Block::width).max().unwrap_or(0);
    let blank = || Block { rows: vec![vec![' '; width]; block.rows.len()], base: 0 };
    let mut side: Vec<Block> = Vec::new();
    let height = above.as_ref().map_or(0, |above| above.rows.len());
    side.extend(above.map(|above| above.padded(width, false)));
    side.push(blank());
    side.extend(below.map(|below| below.padded(width, false)));
    let base = height + block.base;
    beside(vec![block, stacked(side, base, false)])
}

fn raised(c: char) -> Option<char> {
    Some(match c {
        '⊤' => 'ᵀ',
        '-' => '⁻',
        '+' => '⁺',
        '′' => '′',
        'n' => 'ⁿ',
        'i' => 'ⁱ',
        'k' => 'ᵏ',
        'm' => 'ᵐ',
        'p' => 'ᵖ',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        '0' | '4'..='9' => char::from_u32(0x2070 + c.to_digit(10)?)?,
        _ => return None,
    })
}

fn lowered(c: char) -> Option<char> {
    Some(match c {
        '0'..='9' => char::from_u32(0x2080 + c.to_digit(10)?)?,
        '+' => '₊',
        '-' => '₋',
        'i' => 'ᵢ',
        'j' => 'ⱼ',
        'k' => 'ₖ',
        'm' => 'ₘ',
        'n' => 'ₙ',
        'p' => 'ₚ',
        's' => 'ₛ',
        't' => 'ₜ',
        'x' => 'ₓ',
        'a' => 'ₐ',
        'e' => 'ₑ',
        'r' => 'ᵣ',
        'u' => 'ᵤ',
        'v' => 'ᵥ',
        _ => return None,
    })
}

/// Brackets by their pieces: of one row, and top, middle and bottom of more.
type Pieces = ([char; 2], [[char; 2]; 3]);
const ROUND: Pieces = (['(', ')'], [['⎛', '⎞'], ['⎜', '⎟'], ['⎝', '⎠']]);
const SQUARE: Pieces = (['[', ']'], [['⎡', '⎤'], ['⎢', '⎥'], ['⎣', '⎦']]);
const BARS: Pieces = (['|', '|'], [['│', '│'], ['│', '│'], ['│', '│']]);
const NORM: Pieces = (['‖', '‖'], [['‖', '‖'], ['‖', '‖'], ['‖', '‖']]);

fn enclosed(inner: Block, (single, [top, middle, bottom]): Pieces) -> Block {
    let last = inner.rows.len().saturating_sub(1);
    let rows = inner.rows.into_iter().enumerate().map(|(at, mut row)| {
        let [left, right] = match at {
            _ if last == 0 => single,
            0 => top,
            at if at == last => bottom,
            _ => middle,
        };
        row.insert(0, left);
        row.push(right);
        row
    });
    Block { rows: rows.collect(), base: inner.base }
}

fn brace(inner: &Block) -> Block {
    let last = inner.rows.len().saturating_sub(1);
    let piece = |at: usize| match at {
        _ if last == 0 => '{',
        0 => '⎧',
        at if at == last => '⎩',
        at if at == last.div_ceil(2) => '⎨',
        _ => '⎪',
    };
    Block { rows: (0..=last).map(|at| vec![piece(at)]).collect(), base: inner.base }
}

fn fraction(over: Block, under: Block) -> Block {
    let width = over.width().max(under.width());
    let base = over.rows.len();
    let bar = Block { rows: vec![vec!['─'; width]], base: 0 };
    stacked(vec![over, bar, under], base, true)
}

fn root(inner: Block) -> Block {
    let (height, width) = (inner.rows.len(), inner.width());
    if height == 1 && width == 1 {
        return Block {
            rows: inner.rows.into_iter().map(|row| ['√'].into_iter().chain(row).collect()).collect(),
            base: 0,
        };
    }
    let base = inner.base + 1;
    let mut rows = vec![[vec![' '; height + 1], vec!['_'; width]].concat()];
    for (at, row) in inner.rows.into_iter().enumerate() {
        let up = height - 1 - at;
        let mut sign = vec![' '; height + 1];
        if up == 0 {
            sign[0] = '╲';
            sign[1] = '╱';
        } else {
            sign[up + 1] = '╱';
        }
        sign.extend(row);
        rows.push(sign);
    }
    Block { rows, base }
}

/// Cells in columns.
fn grid(cells: Vec<Vec<Block>>, middle: bool) -> Option<Block> {
    let columns = cells.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> =
        (0..columns).map(|k| cells.iter().filter_map(|row| row.get(k)).map(Block::width).max().unwrap_or(0)).collect();
    let mut rows = Vec::new();
    for row in cells {
        let mut parts = Vec::new();
        for (k, (cell, width)) in row.into_iter().zip(&widths).enumerate() {
            if k > 0 {
                parts.push(Block::text("  "));
            }
            parts.push(cell.padded(*width, middle));
        }
        rows.push(beside(parts)?);
    }
    let height: usize = rows.iter().map(|row| row.rows.len()).sum();
    if height > MOST_ROWS {
        return None;
    }
    Some(stacked(rows, height.saturating_sub(1) / 2, false))
}

/// The items as lines, broken before signs between terms.
fn lines(items: Vec<Item>, width: usize) -> Option<Vec<String>> {
    let mut rest: Vec<(Block, bool)> = Vec::with_capacity(items.len());
    for item in items {
        let breaks = item.breaks;
        rest.push((scripted(item)?, breaks));
    }
    let mut groups: Vec<Vec<Block>> = vec![Vec::new()];
    let mut used = 0;
    let mut at = 0;
    while at < rest.len() {
        // up to the next place where a line may end
        let end = (at + 1..rest.len()).find(|k| rest[*k].1).unwrap_or(rest.len());
        let next: usize = rest[at..end].iter().map(|(block, _)| block.width()).sum();
        if used > 0 && used + next > width && rest[at].1 {
            groups.push(vec![Block::text("   ")]);
            used = 3;
        }
        used += next;
        let line = groups.last_mut()?;
        line.extend(rest[at..end].iter_mut().map(|(block, _)| std::mem::take(block)));
        at = end;
    }
    let mut out = Vec::new();
    for (k, group) in groups.into_iter().enumerate() {
        let block = beside(group)?;
        if k > 0 && block.rows.len() > 1 {
            out.push(String::new());
        }
        out.extend(block.rows.into_iter().map(|row| row.into_iter().collect::<String>().trim_end().to_owned()));
    }
    Some(out)
}
