// Where a server's certificate is.
#pragma once

#include <string>

namespace stillwatch::http {

// PEM files of a server: its certificate, followed by those that lead to a known authority, and its private key.
struct TlsFiles {
  std::string certificate_chain;
  std::string private_key;
};

}  // namespace stillwatch::http
