/// A table in Markdown.
pub struct Table {
    text: String,
}

impl Table {
    pub fn new(head: &[&str]) -> Self {
        let mut table = Self { text: String::new() };
        table.row(head);
        table.text += "|";
        for _ in head {
            table.text += "---|";
        }
        table.text += "\n";
        table
    }

    pub fn row(&mut self, cells: &[impl AsRef<str>]) {
        self.text += "|";
        for cell in cells {
            self.text += &format!(" {} |", cell.as_ref());
        }
        self.text += "\n";
    }

    pub fn text(self) -> String {
        self.text + "\n"
    }
}
