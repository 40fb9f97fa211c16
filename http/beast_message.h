// Between Beast's messages and ours; included by the server only.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/string_type.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/system/error_code.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "http/message.h"
#include "proto/result.h"

namespace stillwatch::http {

using WireRequest = boost::beast::http::request<boost::beast::http::string_body>;
using WireResponse = boost::beast::http::response<boost::beast::http::string_body>;

std::string_view ToStd(boost::beast::string_view text);
// HOST:PORT, with an IPv6 host in brackets.
std::string ToText(const boost::asio::ip::tcp::endpoint& endpoint);

// All of the request but its body.
Request HeadOf(const WireRequest& message, const boost::asio::ip::tcp::endpoint& peer);
// The answer to a request that cannot be read, or nothing if there is no one to answer or nothing was asked.
std::optional<Response> AnswerTo(const boost::system::error_code& error);
// The answer to a body that cannot be decoded.
Response RefusedContent(const Status& status);
WireResponse ToWire(Response response, unsigned version);

}  // namespace stillwatch::http
