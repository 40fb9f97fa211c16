#include "enforcement/account_selector.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_split.h>

#include <algorithm>

#include "proto/limits.h"

namespace stillwatch::enforcement {
namespace {

using envoy::service::auth::v3::AttributeContext;
using google::protobuf::Struct;

// Envoy's JWT filter puts the claims of each token under a name that the operator chose.
constexpr char kJwtFilter[] = "envoy.filters.http.jwt_authn";

template <typename Map>
std::string_view TextIn(const Map& map, const std::string& name) {
  const auto found = map.find(name);
  return found == map.end() ? std::string_view() : std::string_view(found->second);
}

// The text at `path` from its element `index` on.
std::string_view TextAt(const Struct& object, const std::vector<std::string>& path, size_t index) {
  const auto found = object.fields().find(path[index]);
  if (found == object.fields().end()) return {};
  if (index + 1 == path.size()) return found->second.string_value();
  return found->second.has_struct_value() ? TextAt(found->second.struct_value(), path, index + 1) : std::string_view();
}

std::string_view ClaimOf(const AttributeContext& attributes, const std::vector<std::string>& path) {
  const auto& filters = attributes.metadata_context().filter_metadata();
  const auto found = filters.find(kJwtFilter);
  if (found == filters.end()) return {};
  for (const auto& [name, payload] : found->second.fields()) {
    if (!payload.has_struct_value()) continue;
    if (const std::string_view claim = TextAt(payload.struct_value(), path, 0); !claim.empty()) return claim;
  }
  return TextAt(found->second, path, 0);
}

std::string_view MetadataOf(const AttributeContext& attributes, const std::vector<std::string>& path) {
  const auto& filters = attributes.metadata_context().filter_metadata();
  const auto found = filters.find(path[0]);
  return found == filters.end() ? std::string_view() : TextAt(found->second, path, 1);
}

}  // namespace

Result<AccountSelector> AccountSelector::Parse(const std::vector<std::string>& places) {
  AccountSelector selector;
  for (const std::string& place : places) {
    const size_t colon = std::min(place.find(':'), place.size());
    const std::string kind = place.substr(0, colon);
    const std::string name = place.substr(std::min(colon + 1, place.size()));
    if (kind == "principal" && colon == place.size()) {
      selector.places_.push_back({Kind::kPrincipal, {}});
    } else if (kind == "extension" && !name.empty()) {
      selector.places_.push_back({Kind::kExtension, {name}});
    } else if (kind == "header" && !name.empty()) {
      selector.places_.push_back({Kind::kHeader, {absl::AsciiStrToLower(name)}});
    } else if (kind == "jwt" && !name.empty()) {
      selector.places_.push_back({Kind::kClaim, {name}});
    } else if (kind == "metadata" && name.find('/') != std::string::npos) {
      selector.places_.push_back({Kind::kMetadata, absl::StrSplit(name, '/')});
    } else {
      return {Code::kInvalidArgument,
              "\"" + place + "\": expected extension:NAME, jwt:CLAIM, metadata:FILTER/KEY, header:NAME or principal"};
    }
  }
  return selector;
}

std::string_view AccountSelector::FindIn(const Place& place, const AttributeContext& attributes) {
  switch (place.kind) {
    case Kind::kExtension:
      return TextIn(attributes.context_extensions(), place.path[0]);
    case Kind::kHeader:
      return TextIn(attributes.request().http().headers(), place.path[0]);
    case Kind::kClaim:
      return ClaimOf(attributes, place.path);
    case Kind::kMetadata:
      return MetadataOf(attributes, place.path);
    case Kind::kPrincipal:
      return attributes.source().principal();
  }
  return {};
}

std::string_view AccountSelector::Find(const AttributeContext& attributes) const {
  for (const Place& place : places_) {
    const std::string_view found = FindIn(place, attributes);
    if (!found.empty() && found.size() <= kNameBytesMax) return found;
  }
  return {};
}

}  // namespace stillwatch::enforcement
