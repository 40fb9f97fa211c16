#include "http/message.h"

#include <algorithm>
#include <cctype>

namespace stillwatch::http {
namespace {

bool EqualsIgnoringCase(std::string_view left, std::string_view right) {
  return std::ranges::equal(left, right, [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
  });
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string DecodePercent(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool is_escape =
        text[i] == '%' && i + 2 < text.size() && HexDigit(text[i + 1]) >= 0 && HexDigit(text[i + 2]) >= 0;
    if (is_escape) {
      out += static_cast<char>(16 * HexDigit(text[i + 1]) + HexDigit(text[i + 2]));
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

}  // namespace

std::string_view Request::header(std::string_view name) const {
  const auto found = std::ranges::find_if(headers, [name](const auto& h) { return EqualsIgnoringCase(h.first, name); });
  return found == headers.end() ? std::string_view() : found->second;
}

std::string Request::query_value(std::string_view key) const {
  std::string_view rest = query;
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    const size_t equals = std::min(pair.find('='), pair.size());
    if (pair.substr(0, equals) == key) return DecodePercent(pair.substr(std::min(equals + 1, pair.size())));
  }
  return {};
}

Response TextResponse(int status, std::string text) {
  Response response;
  response.status = status;
  response.body = std::move(text);
  return response;
}

Response BusyResponse(std::string text, int retry_after_seconds) {
  Response response = TextResponse(503, std::move(text));
  response.headers.emplace_back("Retry-After", std::to_string(retry_after_seconds));
  return response;
}

Responder::OpenRequest::~OpenRequest() { Respond(BusyResponse("the daemon is stopping\n")); }

void Responder::OpenRequest::Respond(Response response) {
  if (!is_answered_.exchange(true)) send_(std::move(response));
}

}  // namespace stillwatch::http
