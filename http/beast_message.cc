#include "http/beast_message.h"

#include <algorithm>
#include <boost/beast/http/error.hpp>
#include <cctype>
#include <utility>

namespace stillwatch::http {
namespace {

namespace wire = boost::beast::http;

// "text/json; charset=utf-8" to "text/json".
std::string MediaType(std::string_view content_type) {
  std::string type(content_type.substr(0, content_type.find_first_of("; \t")));
  for (char& c : type) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return type;
}

}  // namespace

std::string_view ToStd(boost::beast::string_view text) { return {text.data(), text.size()}; }

std::string ToText(const boost::asio::ip::tcp::endpoint& endpoint) {
  const std::string host = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(endpoint.port());
}

Request HeadOf(const WireRequest& message, const boost::asio::ip::tcp::endpoint& peer) {
  Request head;
  head.method = message.method() == wire::verb::post ? Method::kPost : Method::kGet;
  const std::string_view target = ToStd(message.target());
  const size_t query = std::min(target.find('?'), target.size());
  head.path = target.substr(0, query);
  head.query = target.substr(std::min(query + 1, target.size()));
  for (const auto& field : message) {
    head.headers.emplace_back(std::string(ToStd(field.name_string())), std::string(ToStd(field.value())));
  }
  head.content_type = MediaType(ToStd(message[wire::field::content_type]));
  head.peer = ToText(peer);
  return head;
}

std::optional<Response> AnswerTo(const boost::system::error_code& error) {
  if (error == wire::error::end_of_stream || error == wire::error::partial_message) return std::nullopt;
  if (error == wire::error::header_limit || error == wire::error::buffer_overflow) {
    return TextResponse(431, "headers are too large\n");
  }
  if (error == wire::error::body_limit) return TextResponse(413, "the body is too large\n");
  static const auto& http_category = wire::make_error_code(wire::error::bad_method).category();
  if (error.category() != http_category) return std::nullopt;
  return TextResponse(400, "not an HTTP request\n");
}

Response RefusedContent(const Status& status) {
  if (status.code() == Code::kResourceExhausted) return TextResponse(413, status.message() + "\n");
  if (status.code() != Code::kUnimplemented) return TextResponse(400, status.message() + "\n");
  Response response = TextResponse(415, status.message() + "\n");
  response.headers.emplace_back("Accept-Encoding", "gzip, deflate");
  return response;
}

WireResponse ToWire(Response response, unsigned version) {
  WireResponse out(wire::int_to_status(static_cast<unsigned>(response.status)), version);
  out.set(wire::field::content_type, response.content_type);
  out.set(wire::field::cache_control, "no-store");
  for (const auto& [name, value] : response.headers) out.set(name, value);
  out.body() = std::move(response.body);
  return out;
}

}  // namespace stillwatch::http
