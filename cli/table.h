// Tables and other texts for people at a terminal.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace stillwatch::cli {

enum class Style { kPlain, kBold, kDim, kRed, kYellow, kGreen };
enum class Colour { kOff, kOn };
enum class Align { kLeft, kRight };

// `text` in `style`, if colours are on.
std::string Styled(std::string_view text, Style style, Colour colour);

// `text` without control characters: names and sentences come from outside and must not drive the terminal.
std::string Printable(std::string_view text);

// 1234567 as 1,234,567.
std::string FormatCount(uint64_t count);
// Bytes in the largest binary unit: 12.3 MiB.
std::string FormatBytes(uint64_t bytes);
// `value` with `digits` digits after the point.
std::string FormatFixed(double value, int digits);
// A bar of `width` cells, of which `share` (0 to 1) is filled.
std::string Bar(double share, size_t width);

struct Cell {
  Cell(std::string cell_text, Style cell_style = Style::kPlain)  // NOLINT: most cells are just text
      : text(std::move(cell_text)), style(cell_style) {}
  std::string text;
  Style style;
};

// Prints rows in aligned columns under a header. Widths count code points, which is right for all but wide scripts.
class Table {
 public:
  struct Column {
    std::string title;
    Align align = Align::kLeft;
  };
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // `row` has one cell per column.
  void AddRow(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
  void Print(std::ostream& out, Colour colour) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace stillwatch::cli
