/* SPDX-License-Identifier: BSD-2-Clause */
/* skep run --net=calls: a run without namespaces. */
#include "cli/run.h"

#include "base/util.h"

#include <string.h>

int run_bare_check(const struct run_args *args)
{
	char why[CALLS_WHY];

	if (!args->tree.bare)
		return EXIT_OK;
	for (uint32_t i = 0; i < args->tree.files.n_paths; i++)
		if (args->tree.files.paths[i].shut)
			return fail("%s: closing what lies in an open folder takes a mount of the tree's own, which "
				    "--net=calls does without",
				    args->tree.files.paths[i].path);
	for (uint32_t i = 0; i < args->net.n_publish; i++)
		if (args->net.publish[i].udp)
			return fail("--publish: with --net=calls TCP's ports only");
	return calls_check(why) ? fail("--net=calls: %s", why) : EXIT_OK;
}

int run_bare_new(const struct run_args *args, struct net *net, const struct tree *tree, struct calls **out)
{
	struct dns_opts resolvers = {0};
	const struct calls_opts opts = {.relay = net_relay(net),
					.tree = tree,
					.files = &args->tree.files,
					.resolvers = &resolvers,
					.sockets = args->tree.sockets,
					.n_sockets = args->tree.n_sockets};
	char why[CALLS_WHY];

	dns_servers(&resolvers);
	return calls_new(&opts, out, why) ? fail("--net=calls: %s", why) : EXIT_OK;
}
