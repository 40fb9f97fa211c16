#include "cli/line_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace stillwatch::cli {
namespace {

// Gives a text in pieces of a chosen size, then an error if there is one.
class TextSource final : public ByteSource {
 public:
  TextSource(std::string text, size_t piece_bytes, Status end = Status())
      : text_(std::move(text)), piece_bytes_(piece_bytes), end_(std::move(end)) {}
  Result<size_t> Read(char* target, size_t capacity) override {
    const size_t size = std::min({piece_bytes_, capacity, text_.size() - position_});
    if (size == 0 && !end_.ok()) return end_;
    std::memcpy(target, text_.data() + position_, size);
    position_ += size;
    return size;
  }

 private:
  const std::string text_;
  const size_t piece_bytes_;
  const Status end_;
  size_t position_ = 0;
};

std::vector<std::string> Lines(const std::string& text, size_t piece_bytes, size_t line_bytes_max = 1 << 20) {
  TextSource source(text, piece_bytes);
  LineReader reader(source, line_bytes_max);
  std::vector<std::string> lines;
  while (true) {
    auto line = reader.Next();
    EXPECT_TRUE(line.ok());
    if (!line.ok() || line->kind == LineKind::kEnd) return lines;
    EXPECT_EQ(line->number, lines.size() + 1);
    lines.push_back(line->kind == LineKind::kTooLong ? "<too long>" : std::string(line->text));
  }
}

using Texts = std::vector<std::string>;

TEST(LineReader, GivesTheSameLinesWhateverThePieces) {
  for (const size_t piece_bytes : {1u, 2u, 3u, 1000u}) {
    EXPECT_EQ(Lines("a\n\nbc\r\nd", piece_bytes), (Texts{"a", "", "bc", "d"})) << piece_bytes;
    EXPECT_EQ(Lines("a\n", piece_bytes), (Texts{"a"})) << piece_bytes;
    EXPECT_EQ(Lines("", piece_bytes), (Texts{})) << piece_bytes;
    EXPECT_EQ(Lines("\n", piece_bytes), (Texts{""})) << piece_bytes;
  }
}

TEST(LineReader, SkipsAByteOrderMarkAtTheStartOnly) {
  EXPECT_EQ(Lines("\xef\xbb\xbf{}\n\xef\xbb\xbf{}", 2), (Texts{"{}", "\xef\xbb\xbf{}"}));
}

TEST(LineReader, GrowsForLongLines) {
  const std::string line(3 << 20, 'x');
  EXPECT_EQ(Lines("a\n" + line + "\nb\n", 100'000, 4 << 20), (Texts{"a", line, "b"}));
}

TEST(LineReader, SkipsALineThatIsTooLongAndGoesOn) {
  const std::string line(3 << 20, 'x');
  EXPECT_EQ(Lines("a\n" + line + "\nb\n", 100'000, 1 << 20), (Texts{"a", "<too long>", "b"}));
  EXPECT_EQ(Lines("a\n" + line, 100'000, 1 << 20), (Texts{"a", "<too long>"}));
  EXPECT_EQ(Lines("abcd\nabcde\nab", 3, 4), (Texts{"abcd", "<too long>", "ab"}));
}

TEST(LineReader, PassesTheErrorOfItsSourceOn) {
  TextSource source("a\nb", 10, Status(Code::kDataLoss, "broken"));
  LineReader reader(source, 100);
  EXPECT_EQ(reader.Next()->text, "a");
  EXPECT_EQ(reader.Next().status().code(), Code::kDataLoss);
}

}  // namespace
}  // namespace stillwatch::cli
