# SPDX-License-Identifier: Apache-2.0
"""Topology files, as far as the report needs them: how many hops. proa-experiment is the judge of what such a file may
say (docs/EXPERIMENTS.md); here it has been accepted already."""

import glob
import json
import os
import re

DEFAULT = "default"
COMMENT = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*')


def parse(text):
    """JSON, in which // begins a comment."""
    return json.loads(COMMENT.sub(lambda found: found.group(1) or "", text))


class Topology:
    def __init__(self, path):
        self.path = path
        with open(path, encoding="utf-8") as file:
            said = parse(file.read())
        self.name = said["name"]
        self.roles = {node["id"]: node["role"] for node in said["nodes"]}
        self.links = len(said["links"])
        self.routes = {(route["node"], route["to"]): route["via"] for route in said["routes"]}

    def node(self, role):
        return next(node for node, has in self.roles.items() if has == role)

    def way(self, start, end):
        """The nodes that a packet visits."""
        nodes = [start]
        while nodes[-1] != end and len(nodes) <= len(self.roles):
            at = nodes[-1]
            nodes.append(self.routes.get((at, end), self.routes.get((at, DEFAULT))))
        return nodes

    def row(self):
        router, host, requester = (self.node(role) for role in ("border_router", "host", "requester"))
        direct = self.way(host, requester)
        return {"topology": self.name, "nodes": len(self.roles), "links": self.links,
                "hops_server": len(self.way(host, router)) + len(self.way(router, requester)) - 2,
                "hops_direct": len(direct) - 1, "through_border_router": "yes" if router in direct else "no"}


def found(folder):
    """The files of a folder, by the name inside."""
    files = sorted(glob.glob(os.path.join(glob.escape(folder), "*.json")))
    return {topology.name: topology for topology in map(Topology, files)}
