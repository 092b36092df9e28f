// graphql-ws over ws: the protocol by those who wrote it. `reset` drops every connection.
import { createServer } from "node:http";
import { GraphQLInt, GraphQLNonNull, GraphQLObjectType, GraphQLSchema, GraphQLString } from "graphql";
import { useServer } from "graphql-ws/use/ws";
import { WebSocketServer } from "ws";

const schema = new GraphQLSchema({
  query: new GraphQLObjectType({ name: "Query", fields: { a: { type: GraphQLString } } }),
  subscription: new GraphQLObjectType({
    name: "Subscription",
    fields: {
      count: {
        type: GraphQLInt,
        args: { after: { type: GraphQLInt }, to: { type: new GraphQLNonNull(GraphQLInt) } },
        async *subscribe(_, { after, to }) {
          for (let number = (after ?? 0) + 1; number <= to; number++) yield { count: number };
          if (to >= 1000) await new Promise(() => {});
        },
      },
    },
  }),
});

const http = createServer((request, response) => {
  if (request.url === "/reset") for (const one of sockets.clients) one.terminate();
  response.end();
});
const sockets = new WebSocketServer({ server: http, path: "/graphql" });
useServer(
  { schema, onConnect: ({ connectionParams }) => connectionParams?.authorization !== "Bearer no" },
  sockets,
);
http.listen(0, "127.0.0.1", () => console.log(http.address().port));
process.stdin.resume().on("end", () => process.exit());
