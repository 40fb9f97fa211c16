#include "gateways/syslog_message.h"

#include <algorithm>
#include <array>

namespace stillwatch::gateways {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Takes `<0>` to `<191>` off the front.
bool TakePriority(std::string_view& text) {
  const size_t end = text.substr(0, 5).find('>');
  if (end == std::string_view::npos || end < 2) return false;
  if (!std::all_of(text.begin() + 1, text.begin() + static_cast<ptrdiff_t>(end), IsDigit)) return false;
  text.remove_prefix(end + 1);
  return true;
}

// The next word of a header, and the space behind it. "-" is an absent one.
std::optional<std::string_view> TakeWord(std::string_view& text) {
  const size_t end = text.find(' ');
  if (end == std::string_view::npos || end == 0) return std::nullopt;
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end + 1);
  return word == "-" ? std::string_view() : word;
}

// Passes over `-` or `[id name="value" …]…`; a quoted value may hold an escaped quote or bracket.
bool SkipStructuredData(std::string_view& text) {
  if (text.starts_with('-')) {
    text.remove_prefix(1);
  } else {
    if (!text.starts_with('[')) return false;
    while (text.starts_with('[')) {
      bool is_quoted = false;
      size_t at = 1;
      for (; at < text.size() && (is_quoted || text[at] != ']'); ++at) {
        if (is_quoted && text[at] == '\\') {
          ++at;
        } else if (text[at] == '"') {
          is_quoted = !is_quoted;
        }
      }
      if (at >= text.size()) return false;
      text.remove_prefix(at + 1);
    }
  }
  if (text.starts_with(' ')) text.remove_prefix(1);
  return true;
}

std::string_view ContentOf(std::string_view text) {
  for (const std::string_view prefix : {std::string_view("\xEF\xBB\xBF"), std::string_view("@cee:")}) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
  }
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  return text;
}

// `1 TIMESTAMP HOST PROGRAM PROCESS MESSAGE-ID DATA CONTENT`, from the timestamp on.
std::optional<SyslogMessage> ParseNew(std::string_view text) {
  std::array<std::string_view, 5> words;
  for (std::string_view& word : words) {
    const std::optional<std::string_view> taken = TakeWord(text);
    if (!taken) return std::nullopt;
    word = *taken;
  }
  if (!SkipStructuredData(text)) return std::nullopt;
  return SyslogMessage{.host = words[1], .program = words[2], .timestamp = words[0], .content = ContentOf(text)};
}

// Whether the text begins as "Nov 25 22:04:05 " does.
bool HasOldTime(std::string_view text) {
  constexpr std::string_view kForm = "Aaa 00 00:00:00 ";
  if (text.size() < kForm.size()) return false;
  for (size_t i = 0; i < kForm.size(); ++i) {
    const char c = text[i];
    const bool fits = kForm[i] == '0'   ? IsDigit(c) || (i == 4 && c == ' ')
                      : kForm[i] == ' ' ? c == ' '
                      : kForm[i] == ':' ? c == ':'
                                        : (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (!fits) return false;
  }
  return true;
}

// "nginx:", "haproxy[42]:" to the program's name; nothing if the word is none such.
std::optional<std::string_view> ProgramOf(std::string_view word) {
  if (!word.ends_with(':')) return std::nullopt;
  return word.substr(0, word.find_first_of("[:"));
}

// Whether the word begins as "2026-11-25T22:04:05" does: some relays write the new time in the old form.
bool IsNewTime(std::string_view word) {
  return word.size() >= 19 && IsDigit(word[0]) && word[4] == '-' && word[7] == '-' && word[10] == 'T' &&
         word[13] == ':';
}

// `[TIME] [HOST] PROGRAM[PROCESS]: CONTENT`.
SyslogMessage ParseOld(std::string_view text) {
  SyslogMessage out;
  if (HasOldTime(text)) text.remove_prefix(16);
  std::string_view rest = text;
  if (const std::optional<std::string_view> time = TakeWord(rest); time && IsNewTime(*time)) {
    out.timestamp = *time;
    text = rest;
  }
  rest = text;
  std::optional<std::string_view> word = text.starts_with('{') ? std::nullopt : TakeWord(rest);
  if (word && !ProgramOf(*word)) {
    out.host = *word;
    text = rest;
    word = text.starts_with('{') ? std::nullopt : TakeWord(rest);
  }
  if (word && ProgramOf(*word) && !word->starts_with("@cee:")) {
    out.program = *ProgramOf(*word);
    text = rest;
  }
  out.content = ContentOf(text);
  return out;
}

}  // namespace

std::optional<SyslogMessage> ParseSyslog(std::string_view message) {
  if (!message.starts_with('<')) return SyslogMessage{.content = ContentOf(message)};
  if (!TakePriority(message)) return std::nullopt;
  if (message.starts_with("1 ")) return ParseNew(message.substr(2));
  return ParseOld(message);
}

}  // namespace stillwatch::gateways
