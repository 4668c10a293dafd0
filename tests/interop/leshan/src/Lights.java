// SPDX-License-Identifier: Apache-2.0
import java.util.List;

import org.eclipse.leshan.core.model.ObjectLoader;
import org.eclipse.leshan.core.model.ObjectModel;
import org.eclipse.leshan.core.model.ResourceModel;

/** What both peers know: Leshan's own object definitions and one kind of light (object 3311). */
public class Lights {
    public static final int OBJECT = 3311;
    public static final int ON = 5850;
    public static final int COLOUR = 5706;

    public static List<ObjectModel> models() {
        List<ObjectModel> models = ObjectLoader.loadDefault();
        ResourceModel on = new ResourceModel(ON, "On/Off", ResourceModel.Operations.RW, false, true,
                ResourceModel.Type.BOOLEAN, "", "", "");
        ResourceModel colour = new ResourceModel(COLOUR, "Colour", ResourceModel.Operations.RW, false, false,
                ResourceModel.Type.STRING, "", "", "");
        models.add(new ObjectModel(OBJECT, "Light Control", "", "1.0", true, false, on, colour));
        return models;
    }
}
