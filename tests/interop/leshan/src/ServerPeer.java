// SPDX-License-Identifier: Apache-2.0
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.Collection;
import java.util.HexFormat;

import org.eclipse.californium.elements.config.Configuration;
import org.eclipse.californium.scandium.config.DtlsConfig;
import org.eclipse.leshan.core.endpoint.Protocol;
import org.eclipse.leshan.core.node.LwM2mNode;
import org.eclipse.leshan.core.node.LwM2mResource;
import org.eclipse.leshan.core.observation.CompositeObservation;
import org.eclipse.leshan.core.observation.Observation;
import org.eclipse.leshan.core.observation.SingleObservation;
import org.eclipse.leshan.core.request.CreateRequest;
import org.eclipse.leshan.core.request.DeleteRequest;
import org.eclipse.leshan.core.request.DiscoverRequest;
import org.eclipse.leshan.core.request.DownlinkDeviceManagementRequest;
import org.eclipse.leshan.core.request.ExecuteRequest;
import org.eclipse.leshan.core.request.ObserveRequest;
import org.eclipse.leshan.core.request.ReadRequest;
import org.eclipse.leshan.core.request.WriteRequest;
import org.eclipse.leshan.core.response.LwM2mResponse;
import org.eclipse.leshan.core.response.DiscoverResponse;
import org.eclipse.leshan.core.response.ObserveCompositeResponse;
import org.eclipse.leshan.core.response.ObserveResponse;
import org.eclipse.leshan.core.response.ReadResponse;
import org.eclipse.leshan.server.LeshanServer;
import org.eclipse.leshan.server.LeshanServerBuilder;
import org.eclipse.leshan.server.model.StaticModelProvider;
import org.eclipse.leshan.server.observation.ObservationListener;
import org.eclipse.leshan.server.registration.Registration;
import org.eclipse.leshan.server.registration.RegistrationListener;
import org.eclipse.leshan.server.registration.RegistrationUpdate;
import org.eclipse.leshan.servers.security.InMemorySecurityStore;
import org.eclipse.leshan.servers.security.SecurityInfo;
import org.eclipse.leshan.transport.californium.server.endpoint.CaliforniumServerEndpointsProvider;
import org.eclipse.leshan.transport.californium.server.endpoint.ServerProtocolProvider;
import org.eclipse.leshan.transport.californium.server.endpoint.coaps.CoapsServerProtocolProvider;

/**
 * Leshan's server behind a line-driven main: ENDPOINT IDENTITY KEYHEX, then commands on standard input, one line of
 * answer each. Listens on a free loopback port, which the first line tells.
 */
public class ServerPeer {
    private static volatile Registration device;

    private static synchronized void say(String text) {
        System.out.println(text.replace('\n', ' '));
        System.out.flush();
    }

    private static void listen(LeshanServer server) {
        server.getRegistrationService().addListener(new RegistrationListener() {
            public void registered(Registration r, Registration before, Collection<Observation> observations) {
                device = r;
                say("registered " + r.getEndpoint() + " lifetime " + r.getLifeTimeInSec());
            }

            public void updated(RegistrationUpdate update, Registration r, Registration before) {
                device = r;
                say("updated " + r.getEndpoint());
            }

            public void unregistered(Registration r, Collection<Observation> observations, boolean expired,
                    Registration next) {
                say((expired ? "expired " : "deregistered ") + r.getEndpoint());
            }
        });
        server.getObservationService().addListener(new ObservationListener() {
            public void newObservation(Observation observation, Registration r) {
            }

            public void cancelled(Observation observation) {
                say("cancelled");
            }

            public void onResponse(SingleObservation observation, Registration r, ObserveResponse response) {
                say("notification " + observation.getPath() + " " + value(response.getContent()));
            }

            public void onResponse(CompositeObservation observation, Registration r,
                    ObserveCompositeResponse response) {
            }

            public void onError(Observation observation, Registration r, Exception error) {
                say("notification-error " + error.getMessage());
            }
        });
    }

    private static String value(LwM2mNode node) {
        if (node instanceof LwM2mResource resource && !resource.isMultiInstances()) {
            return String.valueOf(resource.getValue());
        }
        return String.valueOf(node);
    }

    private static Object typed(String text) {
        if (text.equals("true") || text.equals("false")) {
            return Boolean.valueOf(text);
        }
        return text.matches("-?[0-9]+") ? (Object) Long.valueOf(text) : text;
    }

    private static DownlinkDeviceManagementRequest<? extends LwM2mResponse> request(String[] words) {
        String path = words[1];
        switch (words[0]) {
        case "read":
            return new ReadRequest(path);
        case "discover":
            return new DiscoverRequest(path);
        case "observe":
            return new ObserveRequest(path);
        case "execute":
            return new ExecuteRequest(path);
        case "delete":
            return new DeleteRequest(path);
        case "write":
            String[] ids = path.substring(1).split("/");
            int o = Integer.parseInt(ids[0]);
            int i = Integer.parseInt(ids[1]);
            int r = Integer.parseInt(ids[2]);
            Object value = typed(words[2]);
            return value instanceof Boolean b ? new WriteRequest(o, i, r, b)
                    : value instanceof Long n ? new WriteRequest(o, i, r, n)
                            : new WriteRequest(o, i, r, (String) value);
        default:
            throw new IllegalArgumentException("unknown command " + words[0]);
        }
    }

    private static void answer(LeshanServer server, String[] words) throws InterruptedException {
        LwM2mResponse response = server.send(device, request(words), 10000);
        if (response == null) {
            say("result " + words[0] + " TIMEOUT");
        } else if (response instanceof ReadResponse read && read.getContent() != null) {
            say("result " + words[0] + " " + response.getCode() + " " + value(read.getContent()));
        } else if (response instanceof DiscoverResponse discover && discover.getObjectLinks() != null) {
            say("result discover " + response.getCode() + " " + discover.getObjectLinks().length);
        } else {
            say("result " + words[0] + " " + response.getCode());
        }
    }

    public static void main(String[] args) throws Exception {
        InMemorySecurityStore keys = new InMemorySecurityStore();
        keys.add(SecurityInfo.newPreSharedKeyInfo(args[0], args[1], HexFormat.of().parseHex(args[2])));
        ServerProtocolProvider coaps = new CoapsServerProtocolProvider();
        CaliforniumServerEndpointsProvider.Builder endpoints = new CaliforniumServerEndpointsProvider.Builder(coaps);
        Configuration configuration = endpoints.createDefaultConfiguration();
        configuration.set(DtlsConfig.DTLS_CONNECTION_ID_LENGTH, 6);
        configuration.set(DtlsConfig.DTLS_RECOMMENDED_CIPHER_SUITES_ONLY, false);
        endpoints.setConfiguration(configuration);
        endpoints.addEndpoint(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), 0), Protocol.COAPS);
        LeshanServer server = new LeshanServerBuilder().setSecurityStore(keys)
                .setObjectModelProvider(new StaticModelProvider(Lights.models()))
                .setEndpointsProviders(endpoints.build()).build();
        listen(server);
        server.start();
        say("listening " + server.getEndpoint(Protocol.COAPS).getURI().toString().replaceAll(".*:", ""));
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null && !line.equals("quit"); line = in.readLine()) {
            try {
                answer(server, line.split(" ", 3));
            } catch (Exception error) {
                say("result error " + error.getMessage());
            }
        }
        server.destroy();
    }
}
