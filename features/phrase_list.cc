#include "features/phrase_list.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "features/markers.h"
#include "features/word_list.h"

namespace stillwatch::features {
namespace {

constexpr std::string_view kMarks = "<>[]#:\\";
constexpr std::string_view kNumber = "\\d";
constexpr std::string_view kAnyWord = "_";
constexpr std::string_view kLater = "...";
// A group in a group in a group is enough for everybody.
constexpr int kDepthMax = 8;

using Sequences = std::vector<PhraseSequence>;

// Each of the first, then each of the second.
bool AppendEach(const Sequences& second, Sequences& first) {
  if (first.size() * second.size() > kSequencesMax) return false;
  Sequences out;
  for (const PhraseSequence& begin : first) {
    for (const PhraseSequence& end : second) {
      PhraseSequence both = begin;
      both.insert(both.end(), end.begin(), end.end());
      if (both.size() > kWordsMax) return false;
      out.push_back(std::move(both));
    }
  }
  first = std::move(out);
  return true;
}

// Reads one phrase; a method returns nothing if what follows cannot be read.
class PhraseReader {
 public:
  explicit PhraseReader(std::string_view text) : left_(text) {}

  std::optional<std::vector<Sequences>> Read() {
    std::vector<Sequences> parts;
    do {
      std::optional<Sequences> part = ReadPart(0);
      const auto is_bad = [](const PhraseSequence& sequence) { return sequence.empty() || sequence.front().is_any; };
      if (!part || std::any_of(part->begin(), part->end(), is_bad)) return std::nullopt;
      parts.push_back(*std::move(part));
    } while (Take(kLater));
    if (!left_.empty()) return std::nullopt;
    return parts;
  }

 private:
  bool Take(std::string_view expected) {
    if (!left_.starts_with(expected)) return false;
    left_.remove_prefix(expected.size());
    return true;
  }

  // Words and groups up to what ends them.
  std::optional<Sequences> ReadPart(int depth) {
    Sequences out(1);
    while (true) {
      while (Take(" ")) {
      }
      if (left_.empty() || left_.starts_with(kLater) || left_[0] == '|' || left_[0] == ')') return out;
      std::optional<Sequences> next = left_[0] == '(' ? ReadGroup(depth) : ReadChunk();
      if (!next || !AppendEach(*next, out)) return std::nullopt;
    }
  }

  std::optional<Sequences> ReadGroup(int depth) {
    if (depth == kDepthMax) return std::nullopt;
    left_.remove_prefix(1);
    Sequences out;
    do {
      std::optional<Sequences> choice = ReadPart(depth + 1);
      if (!choice) return std::nullopt;
      std::move(choice->begin(), choice->end(), std::back_inserter(out));
    } while (Take("|"));
    if (!Take(")")) return std::nullopt;
    if (Take("?")) out.emplace_back();
    return out;
  }

  // Up to a space: one word, or several such as `step-by-step`.
  std::optional<Sequences> ReadChunk() {
    const size_t end = std::min(left_.find_first_of(" ()|"), left_.size());
    std::string_view chunk = left_.substr(0, end);
    chunk = chunk.substr(0, chunk.find(kLater));
    left_.remove_prefix(chunk.size());
    if (chunk == kNumber || chunk == kAnyWord) {
      PhraseWord word;
      (chunk == kNumber ? word.is_number : word.is_any) = true;
      return Sequences{{word}};
    }
    return Expand(chunk);
  }

  // With and without each letter that may be missing.
  std::optional<Sequences> Expand(std::string_view chunk) {
    const size_t question = chunk.find('?');
    if (question == std::string_view::npos) {
      std::optional<PhraseSequence> words = ReadWords(chunk);
      if (!words) return std::nullopt;
      return Sequences{*std::move(words)};
    }
    if (question == 0) return std::nullopt;
    Sequences out;
    for (const size_t kept : {question, question - 1}) {
      std::optional<Sequences> some = Expand(std::string(chunk.substr(0, kept)).append(chunk.substr(question + 1)));
      if (!some) return std::nullopt;
      std::move(some->begin(), some->end(), std::back_inserter(out));
    }
    return out;
  }

  std::optional<PhraseSequence> ReadWords(std::string_view chunk) {
    const size_t begin = chunk.find_first_not_of(kMarks);
    if (begin == std::string_view::npos) return std::nullopt;
    const size_t end = chunk.find_last_not_of(kMarks) + 1;
    words_.Split(chunk.substr(begin, end - begin));
    if (words_.size() == 0) return std::nullopt;
    PhraseSequence out(words_.size());
    for (size_t i = 0; i < out.size(); ++i) out[i].hash = words_.hash(i);
    out.front().before = chunk.substr(0, begin);
    out.back().behind = chunk.substr(end);
    return out;
  }

  std::string_view left_;
  WordList words_;
};

}  // namespace

Result<std::vector<Phrase>> ReadPhraseList(std::string_view list) {
  std::vector<Phrase> out;
  for (size_t line_number = 1; !list.empty(); ++line_number) {
    std::string_view line = list.substr(0, list.find('\n'));
    list.remove_prefix(std::min(list.size(), line.size() + 1));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.front() == '#') continue;
    const auto bad = [line_number](std::string_view what) {
      return Status(Code::kInvalidArgument,
                    "phrase list, line " + std::to_string(line_number) + ": " + std::string(what));
    };
    const size_t tab = line.find('\t');
    const auto name = std::find(kMarkerNames.begin(), kMarkerNames.end(), line.substr(0, tab));
    if (tab == std::string_view::npos || name == kMarkerNames.end()) return bad("expected `class<TAB>phrase`");
    std::optional<std::vector<Sequences>> parts = PhraseReader(line.substr(tab + 1)).Read();
    if (!parts) return bad("the phrase cannot be read, or stands for too much");
    out.push_back({static_cast<uint32_t>(name - kMarkerNames.begin()), *std::move(parts)});
  }
  if (out.empty()) return Status(Code::kInvalidArgument, "phrase list: there is no phrase in it");
  return out;
}

}  // namespace stillwatch::features
