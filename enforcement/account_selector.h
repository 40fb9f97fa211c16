// Where in a request of Envoy's the account stands.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "envoy/service/auth/v3/attribute_context.pb.h"
#include "proto/result.h"

namespace stillwatch::enforcement {

// Finds the account of a request: the first of an ordered list of places that holds a text.
//   extension:NAME            what the route's configuration adds (context_extensions)
//   jwt:CLAIM                 a claim of the token that Envoy's JWT filter verified
//   metadata:FILTER/KEY[/KEY] metadata of another filter
//   header:NAME               a request header, in any case
//   principal                 the name in the client's certificate
// Headers are whatever the client sends, unless the gateway sets them itself: the list's order is one of trust.
// Threading: safe from any thread.
class AccountSelector {
 public:
  // Errors: kInvalidArgument names the place that is none of the above.
  static Result<AccountSelector> Parse(const std::vector<std::string>& places);

  // Empty if the request names no account, or none that could be one. The view is of `attributes`.
  std::string_view Find(const envoy::service::auth::v3::AttributeContext& attributes) const;

 private:
  enum class Kind { kExtension, kClaim, kMetadata, kHeader, kPrincipal };
  struct Place {
    Kind kind;
    std::vector<std::string> path;
  };

  static std::string_view FindIn(const Place& place, const envoy::service::auth::v3::AttributeContext& attributes);

  std::vector<Place> places_;
};

// What is looked at unless the operator says otherwise.
inline const std::vector<std::string>& DefaultAccountPlaces() {
  static const std::vector<std::string> places = {"extension:account_id", "jwt:sub", "header:x-account-id"};
  return places;
}

}  // namespace stillwatch::enforcement
