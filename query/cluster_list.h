// Coordinated groups, as the API says them.
#pragma once

#include <functional>
#include <string_view>

#include "detector/campaign_book.h"
#include "proto/result.h"
#include "stillwatch/v1/query.pb.h"

namespace stillwatch::query {

inline constexpr int32_t kClusterPageSizeDefault = 100;
inline constexpr int32_t kClusterPageSizeMax = 1000;

// Whether an analyst labelled the account benign. It is then no member that is told of; the book keeps it until the
// next search, so that a label that is taken back leaves everything as it was.
using IsBenign = std::function<bool(std::string_view account_id)>;

// Groups of at least two members that count. Errors: kInvalidArgument for a negative page size or a page token that
// stands at no group.
Status ListClusters(const detector::CampaignBook& book, const IsBenign& is_benign,
                    const v1::ListClustersRequest& request, v1::ListClustersResponse& response);

// Errors: kNotFound.
Status GetCluster(const detector::CampaignBook& book, const IsBenign& is_benign, const v1::GetClusterRequest& request,
                  v1::GetClusterResponse& response);

}  // namespace stillwatch::query
