#include "features/phrase_engine.h"

#include <span>

#include "features/markers_list.h"

namespace stillwatch::features {

std::string_view PhraseEngine::BuiltInList() { return kBuiltInPhraseList; }

Result<std::unique_ptr<PhraseEngine>> PhraseEngine::Compile(std::string_view phrase_list) {
  const Result<std::vector<Phrase>> phrases = ReadPhraseList(phrase_list);
  if (!phrases.ok()) return phrases.status();
  return std::unique_ptr<PhraseEngine>(new PhraseEngine(phrases.value()));
}

PhraseEngine::PhraseEngine(const std::vector<Phrase>& phrases) : tree_(phrases) {
  for (const Phrase& phrase : phrases) {
    const auto part_count = static_cast<uint32_t>(phrase.parts.size());
    shapes_.push_back({phrase.marker, part_count, place_count_});
    place_count_ += part_count - 1;
    for (size_t part = 0; part < part_count; ++part) {
      for (const PhraseSequence& sequence : phrase.parts[part]) AddRoles(sequence, part);
    }
  }
}

void PhraseEngine::AddRoles(const PhraseSequence& sequence, size_t part) {
  // Where any word may be the second one, there is no second word to wait for.
  if (sequence.size() == 1 || sequence[1].is_any) {
    AddRole(sequence[0], sequence.size() == 1 && part > 0 ? kAloneLater : kAlone);
    return;
  }
  AddRole(sequence[0], kFirst);
  AddRole(sequence[1], kSecond);
}

void PhraseEngine::AddRole(const PhraseWord& word, Role role) {
  uint8_t& roles = word.is_number ? number_roles_ : roles_[word.hash % kRoleCount];
  roles = static_cast<uint8_t>(roles | role);
}

size_t PhraseEngine::FindBeginnings(const WordList& words, Beginning* out) const {
  size_t count = 0;
  uint32_t clause = 0;
  uint32_t roles_before = 0;
  const auto add = [&](uint32_t word, uint32_t roles_behind) {
    const uint32_t is_pair = roles_before / kFirst & roles_behind / kSecond & 1;
    const uint32_t is_certain = (roles_before & kAlone) | is_pair;
    out[count] = {word, 2 * clause + (1 - is_certain)};
    count += (is_certain | (roles_before & kAloneLater)) != 0;
  };
  for (uint32_t word = 0; word < words.size(); ++word) {
    const uint32_t number_roles = words.has_digit(word) ? number_roles_ : 0;
    const uint32_t roles = roles_[words.hash(word) % kRoleCount] | number_roles;
    add(word - 1, roles);
    clause += words.begins_clause(word);
    roles_before = roles;
  }
  add(static_cast<uint32_t>(words.size()) - 1, 0);
  return count;
}

// The search of one text.
class PhraseEngine::Search {
 public:
  Search(const PhraseEngine& engine, const WordList& words) : engine_(engine), words_(words) {
    memory_.places.assign(engine.place_count_, Place());
    memory_.open.clear();
  }

  uint32_t Run() {
    if (memory_.beginnings.size() <= words_.size()) memory_.beginnings.resize(words_.size() + 1);
    const size_t count = engine_.FindBeginnings(words_, memory_.beginnings.data());
    for (const Beginning& beginning : std::span(memory_.beginnings).first(count)) {
      const uint32_t clause = beginning.clause / 2;
      const bool is_later = beginning.clause % 2 != 0;
      FollowOpenUpTo(beginning.word);
      if (is_later && armed_clause_ != clause && memory_.open.empty()) continue;
      Add(beginning.word, clause, true);
    }
    FollowOpenUpTo(words_.size());
    return found_;
  }

 private:
  // Where a part of a phrase ended first in a clause.
  struct Place {
    uint32_t clause = 0;  // Counted from 1.
    uint32_t word = 0;
  };
  // A node reached by the last word, from which a sequence may go on.
  struct Open {
    uint32_t node = 0;
    uint32_t first_word = 0;  // Of the sequence.
  };
  // Kept by the thread, so that a search allocates nothing.
  struct Memory {
    std::vector<Beginning> beginnings;
    std::vector<Place> places;
    std::vector<Open> open;
    std::vector<Open> next;
  };

  // Words that begin nothing may still go on with what is open.
  void FollowOpenUpTo(size_t end) {
    while (!memory_.open.empty() && word_ + 1 < end) {
      Add(word_ + 1, clause_ + static_cast<uint32_t>(words_.begins_clause(word_ + 1)), false);
    }
  }

  void Add(uint32_t word, uint32_t clause, bool may_begin) {
    memory_.next.clear();
    const bool follows = word == word_ + 1 && (clause == clause_ || IsListed(word));
    word_ = word;
    clause_ = clause;
    if (may_begin) Follow({PhraseTree::kRoot, word});
    if (follows) {
      for (const Open& open : memory_.open) Follow(open);
    }
    std::swap(memory_.open, memory_.next);
  }

  // The dot behind a number may be that of a list, and ends nothing then, except that a later part may not go over it.
  bool IsListed(size_t word) const { return words_.has_digit(word - 1) && words_.behind(word - 1).starts_with('.'); }

  void Follow(const Open& open) {
    const PhraseTree::Node& node = engine_.tree_.node(open.node);
    FollowEdges(open, words_.hash(word_));
    if (node.has_number_edge && words_.has_digit(word_)) FollowEdges(open, PhraseTree::kNumberHash);
    if (node.has_any_edge) FollowEdges(open, PhraseTree::kAnyHash);
  }

  void FollowEdges(const Open& open, uint64_t hash) {
    const PhraseTree& tree = engine_.tree_;
    for (const PhraseTree::Edge& edge : tree.EdgesFrom(open.node, hash)) {
      if (!tree.MarksMatch(edge, words_, word_)) continue;
      const PhraseTree::Node& node = tree.node(edge.target);
      if (node.has_edges) memory_.next.push_back({edge.target, open.first_word});
      for (const PhraseTree::Ending& ending : tree.endings(node)) End(ending, open.first_word);
    }
  }

  void End(const PhraseTree::Ending& ending, uint32_t first_word) {
    const PhraseShape& shape = engine_.shapes_[ending.phrase];
    if ((found_ >> shape.marker & 1) != 0) return;
    Place* const places = memory_.places.data() + shape.first_place;
    if (ending.part > 0) {
      const Place& before = places[ending.part - 1];
      if (before.clause != clause_ || before.word >= first_word) return;
    }
    if (ending.part + 1 == shape.part_count) {
      found_ |= uint32_t{1} << shape.marker;
    } else if (places[ending.part].clause != clause_) {
      places[ending.part] = {clause_, word_};
      armed_clause_ = clause_;
    }
  }

  static thread_local Memory memory_;
  const PhraseEngine& engine_;
  const WordList& words_;
  uint32_t word_ = UINT32_MAX - 1;  // The last one that was added, and its clause.
  uint32_t clause_ = 0;
  uint32_t armed_clause_ = 0;  // The last in which a part ended that another may follow.
  uint32_t found_ = 0;
};
thread_local PhraseEngine::Search::Memory PhraseEngine::Search::memory_;

uint32_t PhraseEngine::Find(const WordList& words) const { return Search(*this, words).Run(); }

}  // namespace stillwatch::features
