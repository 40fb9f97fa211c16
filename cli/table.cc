#include "cli/table.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace stillwatch::cli {
namespace {

const char* EscapeSequence(Style style) {
  switch (style) {
    case Style::kBold:
      return "\x1b[1m";
    case Style::kDim:
      return "\x1b[2m";
    case Style::kRed:
      return "\x1b[1;31m";
    case Style::kYellow:
      return "\x1b[33m";
    case Style::kGreen:
      return "\x1b[32m";
    case Style::kPlain:
      break;
  }
  return "";
}

size_t Width(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace

std::string Styled(std::string_view text, Style style, Colour colour) {
  if (colour == Colour::kOff || style == Style::kPlain) return std::string(text);
  return EscapeSequence(style) + std::string(text) + "\x1b[0m";
}

std::string Printable(std::string_view text) {
  std::string printable(text);
  for (size_t index = 0; index < printable.size(); ++index) {
    const auto byte = static_cast<unsigned char>(printable[index]);
    // U+0080 to U+009F are control characters too; in UTF-8 they are C2 80 to C2 9F.
    const bool c1 =
        byte == 0xc2 && index + 1 < printable.size() && static_cast<unsigned char>(printable[index + 1]) < 0xa0;
    if (byte < 0x20 || byte == 0x7f) printable[index] = '?';
    if (c1) printable.replace(index, 2, "?");
  }
  return printable;
}

std::string FormatCount(uint64_t count) {
  std::string text = std::to_string(count);
  for (size_t end = text.size(); end > 3; end -= 3) text.insert(end - 3, ",");
  return text;
}

std::string FormatBytes(uint64_t bytes) {
  constexpr std::array kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return FormatFixed(value, unit == 0 ? 0 : 1) + " " + kUnits[unit];
}

std::string FormatFixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof(text), std::fabs(value) < 1e15 ? "%.*f" : "%.*g", digits, value);
  return text;
}

std::string Bar(double share, size_t width) {
  const double bounded = std::isfinite(share) ? std::clamp(share, 0.0, 1.0) : 0.0;
  const auto filled = static_cast<size_t>(std::lround(bounded * static_cast<double>(width)));
  std::string bar;
  for (size_t cell = 0; cell < width; ++cell) bar += cell < filled ? "█" : "░";
  return bar;
}

void Table::Print(std::ostream& out, Colour colour) const {
  std::vector<size_t> widths;
  for (size_t column = 0; column < columns_.size(); ++column) {
    size_t width = Width(columns_[column].title);
    for (const auto& row : rows_) width = std::max(width, Width(row[column].text));
    widths.push_back(width);
  }
  const auto print_row = [&](const std::vector<Cell>& row) {
    for (size_t column = 0; column < row.size(); ++column) {
      const Cell& cell = row[column];
      const std::string padding(widths[column] - Width(cell.text), ' ');
      const bool last = column + 1 == row.size();
      if (columns_[column].align == Align::kRight) out << padding;
      out << Styled(cell.text, cell.style, colour);
      if (columns_[column].align == Align::kLeft && !last) out << padding;
      if (!last) out << "  ";
    }
    out << '\n';
  };
  std::vector<Cell> header;
  for (const Column& column : columns_) header.emplace_back(column.title, Style::kBold);
  print_row(header);
  for (const auto& row : rows_) print_row(row);
}

}  // namespace stillwatch::cli
