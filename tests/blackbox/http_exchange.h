// Plain HTTP, byte by byte, as no client of ours would send it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <string>

namespace stillwatch::blackbox {

// `address`: HOST:PORT. Throws boost::system::system_error if nobody listens.
boost::asio::ip::tcp::socket Connect(boost::asio::io_context& io, const std::string& address);
// Sends a request and reads to the end of the answer; empty if nobody listens.
std::string Exchange(const std::string& address, const std::string& request);
std::string Get(const std::string& address, const std::string& path);

}  // namespace stillwatch::blackbox
