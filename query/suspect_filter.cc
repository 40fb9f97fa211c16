#include "query/suspect_filter.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <compare>
#include <optional>
#include <utility>

namespace stillwatch::query {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool IsOperatorSign(char c) { return c == '=' || c == '!' || c == '<' || c == '>'; }
bool IsQuote(char c) { return c == '"' || c == '\''; }

template <typename Value, size_t kCount>
using Names = std::array<std::pair<std::string_view, Value>, kCount>;

constexpr Names<Verdict, 3> kVerdicts = {
    {{"clear", Verdict::kClear}, {"review", Verdict::kReview}, {"act", Verdict::kAct}}};
constexpr Names<Label, 3> kLabels = {
    {{"unlabelled", Label::kUnlabelled}, {"confirmed", Label::kConfirmed}, {"benign", Label::kBenign}}};

template <typename Value, size_t kCount>
std::optional<Value> Find(const Names<Value, kCount>& names, std::string_view name) {
  const auto* found = std::find_if(names.begin(), names.end(), [&](const auto& entry) { return entry.first == name; });
  if (found == names.end()) return std::nullopt;
  return found->second;
}

template <typename Number>
std::optional<Number> ParseNumber(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

// Reads a filter from left to right.
class SuspectFilterParser {
 public:
  explicit SuspectFilterParser(std::string_view text) : text_(text) {}

  Result<SuspectFilter> Parse() {
    if (text_.size() > kFilterBytesMax) return Wrong(kFilterBytesMax, "the filter is longer than 2048 bytes");
    SuspectFilter filter;
    SkipSpace();
    while (at_ < text_.size()) {
      if (!filter.terms_.empty()) STILLWATCH_RETURN_IF_ERROR(ReadAnd());
      STILLWATCH_RETURN_IF_ERROR(ReadTerm(filter));
    }
    return filter;
  }

 private:
  using Field = SuspectFilter::Field;
  using Operator = SuspectFilter::Operator;
  using Value = SuspectFilter::Value;

  static constexpr Names<Field, 6> kFields = {{{"verdict", Field::kVerdict},
                                               {"label", Field::kLabel},
                                               {"risk", Field::kRisk},
                                               {"event_count", Field::kEventCount},
                                               {"account_id", Field::kAccountId},
                                               {"organization_id", Field::kOrganizationId}}};
  static constexpr Names<Operator, 6> kOperators = {{{"=", Operator::kEqual},
                                                     {"!=", Operator::kNotEqual},
                                                     {"<", Operator::kLess},
                                                     {"<=", Operator::kLessOrEqual},
                                                     {">", Operator::kGreater},
                                                     {">=", Operator::kGreaterOrEqual}}};

  static Status Wrong(size_t position, std::string_view what) {
    return {Code::kInvalidArgument, "filter, byte " + std::to_string(position + 1) + ": " + std::string(what)};
  }

  void SkipSpace() {
    while (at_ < text_.size() && IsSpace(text_[at_])) ++at_;
  }

  template <typename Predicate>
  std::string_view TakeWhile(const Predicate& predicate) {
    const size_t begin = at_;
    while (at_ < text_.size() && predicate(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }

  std::string_view TakeWord() {
    return TakeWhile([](char c) { return !IsSpace(c) && !IsOperatorSign(c) && !IsQuote(c); });
  }

  Status ReadAnd() {
    const size_t begin = at_;
    if (TakeWord() != "AND") return Wrong(begin, "expected AND");
    SkipSpace();
    return {};
  }

  Status ReadTerm(SuspectFilter& filter) {
    size_t begin = at_;
    const std::optional<Field> field = Find(kFields, TakeWord());
    if (!field) {
      return Wrong(begin, "expected verdict, label, risk, event_count, account_id or organization_id");
    }
    SkipSpace();
    begin = at_;
    const std::optional<Operator> op = Find(kOperators, TakeWhile(IsOperatorSign));
    if (!op) return Wrong(begin, "expected =, !=, <, <=, > or >=");
    if (*field == Field::kLabel && *op != Operator::kEqual && *op != Operator::kNotEqual) {
      return Wrong(begin, "labels have no order: expected = or !=");
    }
    SkipSpace();
    begin = at_;
    Result<std::string> value = ReadValue();
    if (!value.ok()) return value.status();
    SkipSpace();
    std::optional<Value> parsed = ValueOf(*field, std::move(value).value());
    if (!parsed) return Wrong(begin, ExpectationOf(*field));
    filter.terms_.push_back({*field, *op, *std::move(parsed)});
    return {};
  }

  Result<std::string> ReadValue() {
    const size_t begin = at_;
    if (at_ < text_.size() && IsQuote(text_[at_])) return ReadQuoted();
    const std::string_view word = TakeWord();
    if (word.empty()) return Wrong(begin, "expected a value");
    return std::string(word);
  }

  Result<std::string> ReadQuoted() {
    const size_t begin = at_;
    const char quote = text_[at_++];
    std::string out;
    while (at_ < text_.size() && text_[at_] != quote) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      out += text_[at_++];
    }
    if (at_ == text_.size()) return Wrong(begin, "the quotation has no end");
    ++at_;
    return out;
  }

  static std::optional<Value> ValueOf(Field field, std::string text) {
    const auto number = [](const auto& found) {
      return found ? std::optional<Value>(static_cast<uint64_t>(*found)) : std::nullopt;
    };
    if (field == Field::kVerdict) return number(Find(kVerdicts, text));
    if (field == Field::kLabel) return number(Find(kLabels, text));
    if (field == Field::kEventCount) return number(ParseNumber<uint64_t>(text));
    if (field != Field::kRisk) return text;
    const std::optional<double> risk = ParseNumber<double>(text);
    return risk && std::isfinite(*risk) ? std::optional<Value>(*risk) : std::nullopt;
  }

  static std::string_view ExpectationOf(Field field) {
    if (field == Field::kVerdict) return "expected clear, review or act";
    if (field == Field::kLabel) return "expected unlabelled, confirmed or benign";
    return field == Field::kRisk ? "expected a number" : "expected a whole number";
  }

  std::string_view text_;
  size_t at_ = 0;
};

Result<SuspectFilter> SuspectFilter::Parse(std::string_view text) { return SuspectFilterParser(text).Parse(); }

bool SuspectFilter::Matches(const Term& term, const detector::AccountSummary& account) {
  const auto holds = [&](const auto& actual) {
    using Actual = std::decay_t<decltype(actual)>;
    const std::partial_ordering order = actual <=> std::get<Actual>(term.value);
    switch (term.op) {
      case Operator::kEqual:
        return order == 0;
      case Operator::kNotEqual:
        return order != 0;
      case Operator::kLess:
        return order < 0;
      case Operator::kLessOrEqual:
        return order <= 0;
      case Operator::kGreater:
        return order > 0;
      case Operator::kGreaterOrEqual:
        return order >= 0;
    }
    return false;
  };
  switch (term.field) {
    case Field::kVerdict:
      return holds(static_cast<uint64_t>(account.verdict));
    case Field::kLabel:
      return holds(static_cast<uint64_t>(account.label));
    case Field::kRisk:
      return holds(account.risk);
    case Field::kEventCount:
      return holds(account.event_count);
    case Field::kAccountId:
      return holds(account.account_id);
    case Field::kOrganizationId:
      return holds(account.organization_id);
  }
  return false;
}

bool SuspectFilter::Matches(const detector::AccountSummary& account) const {
  return std::all_of(terms_.begin(), terms_.end(), [&](const Term& term) { return Matches(term, account); });
}

Result<SuspectOrder> SuspectOrder::Parse(std::string_view text) {
  if (text.empty() || text == "risk desc") return SuspectOrder(Field::kRisk, Direction::kDescending);
  if (text == "risk") return SuspectOrder(Field::kRisk, Direction::kAscending);
  if (text == "event_count desc") return SuspectOrder(Field::kEventCount, Direction::kDescending);
  if (text == "event_count") return SuspectOrder(Field::kEventCount, Direction::kAscending);
  if (text == "account_id") return SuspectOrder(Field::kAccountId, Direction::kAscending);
  return {Code::kInvalidArgument,
          "order_by: expected \"risk desc\", \"risk\", \"event_count desc\", \"event_count\" or \"account_id\""};
}

SortKey SuspectOrder::KeyOf(const detector::AccountSummary& account) const {
  uint64_t rank = 0;
  // The bits of numbers that are not negative sort as the numbers do.
  if (field_ == Field::kRisk) rank = std::bit_cast<uint64_t>(account.risk);
  if (field_ == Field::kEventCount) rank = account.event_count;
  if (direction_ == Direction::kDescending) rank = ~rank;
  return {rank, account.account_id};
}

}  // namespace stillwatch::query
