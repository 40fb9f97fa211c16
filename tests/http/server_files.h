// A server's certificate and key for tests, in files of their own.
#pragma once

#include <string>

#include "http/tls_files.h"
#include "tests/cli/temporary_directory.h"

namespace stillwatch {

// Makes a self-signed certificate for "localhost": as good as any authority's for a client that trusts it.
class ServerFiles {
 public:
  ServerFiles();

  const http::TlsFiles& paths() const { return paths_; }
  const std::string& certificate_pem() const { return certificate_pem_; }
  const cli::TemporaryDirectory& directory() const { return directory_; }

 private:
  cli::TemporaryDirectory directory_;
  std::string certificate_pem_;
  http::TlsFiles paths_;
};

}  // namespace stillwatch
