#include "cli/input_file.h"

#include <gtest/gtest.h>

#include <boost/iostreams/copy.hpp>
#include <boost/iostreams/device/back_inserter.hpp>
#include <boost/iostreams/filter/gzip.hpp>
#include <boost/iostreams/filter/zstd.hpp>
#include <boost/iostreams/filtering_stream.hpp>
#include <random>
#include <string>

#include "tests/cli/temporary_directory.h"

namespace stillwatch::cli {
namespace {

namespace io = boost::iostreams;

template <typename Compressor>
std::string Compress(const std::string& text, const Compressor& compressor) {
  std::string compressed;
  {
    io::filtering_ostream stream;
    stream.push(compressor);
    stream.push(io::back_inserter(compressed));
    stream << text;
  }
  return compressed;
}

std::string Gzip(const std::string& text) { return Compress(text, io::gzip_compressor()); }
std::string Zstd(const std::string& text) { return Compress(text, io::zstd_compressor()); }

// Text that does not compress to nothing, so that a cut hits its middle.
std::string LongText() {
  std::mt19937_64 random(11);
  std::string text;
  while (text.size() < 3'000'000) text += std::to_string(random()) + "\n";
  return text;
}

Result<std::string> ReadAll(const std::string& path, size_t piece_bytes = 70'000) {
  auto file = InputFile::Open(path);
  if (!file.ok()) return file.status();
  std::string content;
  std::string piece(piece_bytes, '\0');
  while (true) {
    auto size = (*file)->Read(piece.data(), piece.size());
    if (!size.ok()) return size.status();
    if (*size == 0) return content;
    content.append(piece, 0, *size);
  }
}

TEST(InputFile, ReadsPlainGzipAndZstandardWhateverTheName) {
  const TemporaryDirectory directory;
  const std::string text = LongText();
  EXPECT_EQ(ReadAll(directory.Write("plain.gz", text)).value(), text);
  EXPECT_EQ(ReadAll(directory.Write("gzip.jsonl", Gzip(text))).value(), text);
  EXPECT_EQ(ReadAll(directory.Write("zstd", Zstd(text))).value(), text);
}

TEST(InputFile, ReadsFilesThatAreShorterThanAMagicNumber) {
  const TemporaryDirectory directory;
  EXPECT_EQ(ReadAll(directory.Write("empty", "")).value(), "");
  EXPECT_EQ(ReadAll(directory.Write("one", "{")).value(), "{");
  EXPECT_EQ(ReadAll(directory.Write("gzip of nothing", Gzip(""))).value(), "");
}

TEST(InputFile, ReadsSeveralCompressedFilesInOne) {
  const TemporaryDirectory directory;
  EXPECT_EQ(ReadAll(directory.Write("a", Gzip("one\n") + Gzip("two\n"))).value(), "one\ntwo\n");
  EXPECT_EQ(ReadAll(directory.Write("b", Zstd("one\n") + Zstd("two\n"))).value(), "one\ntwo\n");
  const std::string text = LongText();
  EXPECT_EQ(ReadAll(directory.Write("c", Zstd(text) + Zstd(text))).value(), text + text);
}

TEST(InputFile, TellsACompressedFileThatWasCutOff) {
  const TemporaryDirectory directory;
  for (const std::string& whole : {Gzip(LongText()), Zstd(LongText())}) {
    EXPECT_EQ(ReadAll(directory.Write("cut", whole.substr(0, whole.size() / 2))).status().code(), Code::kDataLoss);
    EXPECT_EQ(ReadAll(directory.Write("cut", whole.substr(0, whole.size() - 1))).status().code(), Code::kDataLoss);
  }
}

TEST(InputFile, TellsACompressedFileThatIsDamaged) {
  const TemporaryDirectory directory;
  for (std::string damaged : {Gzip(LongText()), Zstd(LongText())}) {
    for (size_t index = 0; index < 64; ++index) damaged[damaged.size() / 2 + index] ^= 0x55;
    EXPECT_EQ(ReadAll(directory.Write("damaged", damaged)).status().code(), Code::kDataLoss);
  }
}

TEST(InputFile, TellsAFileThatIsNotThere) {
  const TemporaryDirectory directory;
  EXPECT_EQ(InputFile::Open(directory.Path("none")).status().code(), Code::kNotFound);
  EXPECT_EQ(InputFile::Open(directory.Path("")).status().code(), Code::kDataLoss);
}

TEST(InputFile, CountsTheBytesOfTheFileItself) {
  const TemporaryDirectory directory;
  const std::string compressed = Zstd(LongText());
  auto file = InputFile::Open(directory.Write("file", compressed));
  ASSERT_TRUE(file.ok());
  std::string all(4'000'000, '\0');
  ASSERT_TRUE((*file)->Read(all.data(), all.size()).ok());
  EXPECT_EQ((*file)->read_bytes(), compressed.size());
  EXPECT_EQ(FileBytes(directory.Path("file")), compressed.size());
  EXPECT_EQ(FileBytes("-"), 0u);
}

}  // namespace
}  // namespace stillwatch::cli
