// SPDX-License-Identifier: Apache-2.0
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.HexFormat;
import java.util.List;

import org.eclipse.californium.elements.config.Configuration;
import org.eclipse.californium.scandium.config.DtlsConfig;
import org.eclipse.leshan.client.LeshanClient;
import org.eclipse.leshan.client.LeshanClientBuilder;
import org.eclipse.leshan.client.object.Device;
import org.eclipse.leshan.client.object.Security;
import org.eclipse.leshan.client.object.Server;
import org.eclipse.leshan.client.resource.BaseInstanceEnabler;
import org.eclipse.leshan.client.resource.ObjectsInitializer;
import org.eclipse.leshan.client.servers.LwM2mServer;
import org.eclipse.leshan.core.model.ObjectModel;
import org.eclipse.leshan.core.model.StaticModel;
import org.eclipse.leshan.core.node.LwM2mResource;
import org.eclipse.leshan.core.request.argument.Arguments;
import org.eclipse.leshan.core.response.ExecuteResponse;
import org.eclipse.leshan.core.response.ReadResponse;
import org.eclipse.leshan.core.response.WriteResponse;
import org.eclipse.leshan.transport.californium.client.endpoint.CaliforniumClientEndpointsProvider;
import org.eclipse.leshan.transport.californium.client.endpoint.coaps.CoapsClientProtocolProvider;

/**
 * Leshan's client behind a line-driven main: ENDPOINT URI IDENTITY KEYHEX. It has a device and one light (object
 * 3311); "toggle" on standard input changes the light, "quit" de-registers.
 */
public class ClientPeer {
    private static synchronized void say(String text) {
        System.out.println(text);
        System.out.flush();
    }

    /** Object 3311: on/off (5850) and colour (5706). */
    public static class Light extends BaseInstanceEnabler {
        private boolean on;
        private String colour = "white";

        @Override
        public ReadResponse read(LwM2mServer server, int resource) {
            return resource == Lights.ON ? ReadResponse.success(resource, on)
                    : resource == Lights.COLOUR ? ReadResponse.success(resource, colour) : ReadResponse.notFound();
        }

        @Override
        public WriteResponse write(LwM2mServer server, boolean replace, int resource, LwM2mResource value) {
            if (resource == Lights.ON) {
                on = (Boolean) value.getValue();
            } else if (resource == Lights.COLOUR) {
                colour = (String) value.getValue();
            } else {
                return WriteResponse.notFound();
            }
            say("written " + resource + " " + value.getValue());
            fireResourceChange(resource);
            return WriteResponse.success();
        }

        @Override
        public List<Integer> getAvailableResourceIds(ObjectModel model) {
            return List.of(Lights.COLOUR, Lights.ON);
        }

        void toggle() {
            on = !on;
            fireResourceChange(Lights.ON);
        }
    }

    /** The device object, whose reboot is only told. */
    public static class QuietDevice extends Device {
        public QuietDevice() {
            super("Leshan", "peer", "1");
        }

        @Override
        public ExecuteResponse execute(LwM2mServer server, int resource, Arguments arguments) {
            say("executed " + resource);
            return ExecuteResponse.success();
        }
    }

    public static void main(String[] args) throws Exception {
        Light light = new Light();
        ObjectsInitializer objects = new ObjectsInitializer(new StaticModel(Lights.models()));
        objects.setInstancesForObject(0,
                Security.psk(args[1], 1, args[2].getBytes("UTF-8"), HexFormat.of().parseHex(args[3])));
        objects.setInstancesForObject(1, new Server(1, 120));
        objects.setInstancesForObject(3, new QuietDevice());
        objects.setInstancesForObject(Lights.OBJECT, light);
        CaliforniumClientEndpointsProvider.Builder endpoints = new CaliforniumClientEndpointsProvider.Builder(
                new CoapsClientProtocolProvider());
        Configuration configuration = endpoints.createDefaultConfiguration();
        configuration.set(DtlsConfig.DTLS_RECOMMENDED_CIPHER_SUITES_ONLY, false);
        configuration.set(DtlsConfig.DTLS_CONNECTION_ID_LENGTH, 2);
        endpoints.setConfiguration(configuration);
        LeshanClient client = new LeshanClientBuilder(args[0]).setObjects(objects.createAll())
                .setEndpointsProviders(endpoints.build()).build();
        client.start();
        say("started");
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null && !line.equals("quit"); line = in.readLine()) {
            if (line.equals("toggle")) {
                light.toggle();
                say("toggled");
            }
        }
        client.destroy(true);
    }
}
