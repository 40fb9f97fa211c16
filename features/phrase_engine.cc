#include "features/phrase_engine.h"

#include <hs/hs.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <vector>

#include "features/markers.h"
#include "features/markers_list.h"

namespace stillwatch::features {
namespace {

struct Deleter {
  void operator()(hs_database_t* database) const { hs_free_database(database); }
  void operator()(hs_scratch_t* scratch) const { hs_free_scratch(scratch); }
  void operator()(hs_compile_error_t* error) const { hs_free_compile_error(error); }
};
using Database = std::unique_ptr<hs_database_t, Deleter>;
using Scratch = std::unique_ptr<hs_scratch_t, Deleter>;

struct PhraseList {
  std::vector<std::string> expressions;
  std::vector<unsigned> marker_ids;  // The id that Hyperscan reports is the marker's number.
  std::vector<size_t> line_numbers;
};

Result<PhraseList> ParseList(std::string_view list) {
  PhraseList out;
  for (size_t line_number = 1; !list.empty(); ++line_number) {
    std::string_view line = list.substr(0, list.find('\n'));
    list.remove_prefix(std::min(list.size(), line.size() + 1));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.front() == '#') continue;
    const size_t tab = line.find('\t');
    const auto name = std::find(kMarkerNames.begin(), kMarkerNames.end(), line.substr(0, tab));
    if (tab == std::string_view::npos || name == kMarkerNames.end()) {
      return Status(Code::kInvalidArgument,
                    "phrase list, line " + std::to_string(line_number) + ": expected `class<TAB>expression`");
    }
    out.expressions.emplace_back(line.substr(tab + 1));
    out.marker_ids.push_back(static_cast<unsigned>(name - kMarkerNames.begin()));
    out.line_numbers.push_back(line_number);
  }
  return out;
}

int OnMatch(unsigned id, unsigned long long, unsigned long long, unsigned, void* context) {  // NOLINT: Hyperscan's types
  *static_cast<uint32_t*>(context) |= uint32_t{1} << id;
  return 0;
}

class HyperscanEngine : public PhraseEngine {
 public:
  HyperscanEngine(Database database, Scratch prototype)
      : database_(std::move(database)), prototype_(std::move(prototype)) {}

  uint32_t Find(std::string_view text) const override {
    // Hyperscan needs working memory per thread; a thread keeps that of the engine it used last.
    // Its number tells an engine from an earlier one that stood at the same address.
    thread_local uint64_t owner = 0;
    thread_local Scratch scratch;
    if (owner != number_) {
      hs_scratch_t* copy = nullptr;
      if (hs_clone_scratch(prototype_.get(), &copy) != HS_SUCCESS) return 0;
      scratch.reset(copy);
      owner = number_;
    }
    uint32_t found = 0;
    hs_scan(database_.get(), text.data(), static_cast<unsigned>(text.size()), 0, scratch.get(), OnMatch, &found);
    return found;
  }

 private:
  static uint64_t NextNumber() {
    static std::atomic<uint64_t> count = 0;
    return ++count;
  }

  const uint64_t number_ = NextNumber();
  Database database_;
  Scratch prototype_;
};

}  // namespace

std::string_view PhraseEngine::BuiltInList() { return kBuiltInPhraseList; }

Result<std::unique_ptr<PhraseEngine>> PhraseEngine::Compile(std::string_view phrase_list) {
  Result<PhraseList> list = ParseList(phrase_list);
  if (!list.ok()) return list.status();
  std::vector<const char*> expressions;
  for (const std::string& expression : list->expressions) expressions.push_back(expression.c_str());
  // One match a class is enough. Bytes, not UTF-8: `.` as a character makes the automata many times larger, and so
  // slower to compile; case is folded for ASCII, other scripts are listed in the cases that occur.
  const std::vector<unsigned> flags(expressions.size(), HS_FLAG_CASELESS | HS_FLAG_DOTALL | HS_FLAG_SINGLEMATCH);
  hs_database_t* raw_database = nullptr;
  hs_compile_error_t* raw_error = nullptr;
  const hs_error_t code =
      hs_compile_multi(expressions.data(), flags.data(), list->marker_ids.data(),
                       static_cast<unsigned>(expressions.size()), HS_MODE_BLOCK, nullptr, &raw_database, &raw_error);
  const std::unique_ptr<hs_compile_error_t, Deleter> error(raw_error);
  if (code != HS_SUCCESS) {
    const int index = error == nullptr ? -1 : error->expression;
    const std::string where = index < 0 ? "" : ", line " + std::to_string(list->line_numbers[static_cast<size_t>(index)]);
    return Status(Code::kInvalidArgument, "phrase list" + where + ": " + (error == nullptr ? "" : error->message));
  }
  Database database(raw_database);
  hs_scratch_t* raw_scratch = nullptr;
  if (hs_alloc_scratch(database.get(), &raw_scratch) != HS_SUCCESS) {
    return Status(Code::kResourceExhausted, "no memory for the phrase engine");
  }
  return std::unique_ptr<PhraseEngine>(new HyperscanEngine(std::move(database), Scratch(raw_scratch)));
}

}  // namespace stillwatch::features
