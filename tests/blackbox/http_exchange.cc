#include "tests/blackbox/http_exchange.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

namespace stillwatch::blackbox {

namespace asio = boost::asio;
using asio::ip::tcp;

tcp::socket Connect(asio::io_context& io, const std::string& address) {
  const size_t colon = address.rfind(':');
  tcp::socket socket(io);
  socket.connect({asio::ip::make_address(address.substr(0, colon)),
                  static_cast<uint16_t>(std::stoi(address.substr(colon + 1)))});
  return socket;
}

std::string Exchange(const std::string& address, const std::string& request) {
  std::string answer;
  try {
    asio::io_context io;
    tcp::socket socket = Connect(io, address);
    boost::system::error_code ignored;
    asio::write(socket, asio::buffer(request), ignored);
    asio::read(socket, asio::dynamic_buffer(answer), ignored);
  } catch (const boost::system::system_error&) {  // Nobody listens.
  }
  return answer;
}

std::string Get(const std::string& address, const std::string& path) {
  return Exchange(address, "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
}

}  // namespace stillwatch::blackbox
